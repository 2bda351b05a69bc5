import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { activeFlags } from './table.ts'
import { openStore } from './open-machine.ts'
import { gatherRows } from './rows.ts'

/** The machine that `DOCKER_HOST` points at. */
export const run: Run<typeof activeFlags> = async (ctx, flags, args) => {
  if (args.length > 0) throw new FlotillaError('machine/usage', 'Error: Too many arguments given')
  const store = openStore(ctx)
  const rows = await gatherRows(ctx, store, { timeoutMs: flags.timeout * 1000, withVersion: false })
  const active = rows.find((row) => row.isActiveHost || row.isActiveSwarm)
  if (active !== undefined) {
    ctx.stdout.write(`${active.name}\n`)
    return
  }
  const isLate = rows.some((row) => row.state === 'Timeout')
  throw new FlotillaError('machine/state', isLate ? 'Error getting active host: timeout' : 'No active host found')
}
