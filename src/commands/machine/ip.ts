import type { Run } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { settleLimit } from '../../core/limit.ts'
import { openMachines } from './each-machine.ts'
import { chooseNames, openStore } from './open-machine.ts'

const parallel = 32

/** Prints addresses in the order of the arguments; docker-machine printed them as they came in. */
export const run: Run = async (ctx, _flags, args) => {
  const store = openStore(ctx)
  const machines = await openMachines(ctx, store, await chooseNames(store, args))
  const results = await settleLimit(machines, parallel, ({ driver }) => driver.address({ signal: ctx.signal }))
  for (const result of results) if (result.kind === 'done') ctx.stdout.write(`${result.value}\n`)
  const errors = results.flatMap((result) => (result.kind === 'failed' ? [result.error] : []))
  if (errors.length === 0) return
  const text = errors.map((error) => `Error getting IP address: ${toMessage(error)}`).join('\n')
  throw new FlotillaError('machine/driver', text, { cause: new AggregateError(errors) })
}
