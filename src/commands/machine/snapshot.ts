import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Snapshot } from '../../machine/driver.ts'
import { forEachMachine } from './each-machine.ts'
import type { snapshotFlags } from './table.ts'

/** Lists, takes, restores or removes kept states of one machine. */
export const run: Run<typeof snapshotFlags> = async (ctx, flags, args) => {
  const [name, snapshot, ...more] = args
  if (name === undefined || more.length > 0) throw usage('Error: Expected a machine name and at most one snapshot name')
  if (flags.restore && flags.rm) throw usage('Error: --restore and --rm cannot be used together')
  if (snapshot === undefined && (flags.restore || flags.rm)) throw usage('Error: Expected the name of a snapshot')
  const o = { signal: ctx.signal }
  await forEachMachine(ctx, [name], async ({ host, driver }) => {
    const { snapshots } = driver
    if (snapshots === undefined) {
      throw new FlotillaError('machine/driver', `driver "${host.driverName}" keeps no snapshots of machines`)
    }
    if (snapshot === undefined) ctx.stdout.write(renderList(await snapshots.list(o)))
    else if (flags.restore) await snapshots.restore(snapshot, o)
    else if (flags.rm) await snapshots.remove(snapshot, o)
    else await snapshots.take(snapshot, o)
  })
}

function renderList(list: readonly Snapshot[]): string {
  const rows = [
    ['NAME', 'TAKEN', 'MEMORY'],
    ...list.map((entry) => [entry.name, new Date(entry.takenAtMs).toISOString(), entry.hasMemory ? 'yes' : 'no']),
  ]
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)) + 3)
  return rows.map((row) => `${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('')}\n`).join('')
}

function usage(text: string): FlotillaError {
  return new FlotillaError('machine/usage', text)
}
