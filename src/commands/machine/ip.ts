import type { Run } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { settleLimit } from '../../core/limit.ts'
import { chooseNames, openMachine, openStore } from './open-machine.ts'

const parallel = 32

/** Prints addresses in the order of the arguments; docker-machine printed them as they came in. */
export const run: Run = async (ctx, _flags, args) => {
  const store = openStore(ctx)
  const names = await chooseNames(store, args)
  const machines = await settleLimit(names, parallel, (name) => openMachine(ctx, store, name))
  const lost = machines.flatMap((result) => (result.kind === 'failed' ? [result.error] : []))
  if (lost.length > 0) throw joinErrors(lost, '')
  const results = await settleLimit(machines, parallel, async (result) =>
    result.kind === 'done' ? result.value.driver.address({ signal: ctx.signal }) : '',
  )
  for (const result of results) if (result.kind === 'done') ctx.stdout.write(`${result.value}\n`)
  const failed = results.flatMap((result) => (result.kind === 'failed' ? [result.error] : []))
  if (failed.length > 0) throw joinErrors(failed, 'Error getting IP address: ')
}

function joinErrors(errors: readonly unknown[], prefix: string): unknown {
  if (errors.length === 1 && prefix === '') return errors[0]
  const text = errors.map((error) => `${prefix}${toMessage(error)}`).join('\n')
  return new FlotillaError('machine/driver', text, { cause: new AggregateError(errors) })
}
