import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { findSwarms, parseFilters, passesFilter } from '../../machine/host-filter.ts'
import type { HostFilter } from '../../machine/host-filter.ts'
import { readInventory } from '../../machine/inventory.ts'
import type { Inventory } from '../../machine/inventory.ts'
import type { HostRow } from '../../machine/list.ts'
import { openStore } from './open-machine.ts'
import type { lsFlags } from './table.ts'

/** The machines of the store, one row each; bad records are rows too. */
export const run: Run<typeof lsFlags> = async (ctx, flags) => {
  const store = openStore(ctx)
  const filter = parseFilters(flags.filter)
  const whole = await readInventory(store)
  const swarms = findSwarms(whole.hosts)
  const matchesName = await compileNames(filter.name)
  const hosts = whole.hosts.filter((host) => passesFilter(host, filter, swarms, matchesName))
  const inventory: Inventory = { ...whole, hosts }
  const gather = { timeoutMs: flags.timeout * 1000, inventory }
  if (flags.quiet && filter.state.length === 0) {
    for (const { name } of hosts) ctx.stdout.write(`${name}\n`)
    return
  }
  const { gatherRows } = await import('./rows.ts')
  const rows = await gatherRows(ctx, store, { ...gather, withVersion: !flags.quiet })
  const shown = rows.filter((row) => row.host === undefined || passesState(row, filter))
  if (flags.quiet) {
    const names = new Set(shown.flatMap((row) => (row.host === undefined ? [] : [row.name])))
    for (const { name } of hosts) if (names.has(name)) ctx.stdout.write(`${name}\n`)
    return
  }
  await print(ctx, flags, shown, swarms)
}

function passesState(row: HostRow, filter: HostFilter): boolean {
  return filter.state.length === 0 || filter.state.some((state) => state.toLowerCase() === row.state.toLowerCase())
}

/** `name=` takes expressions in Go's syntax, matched anywhere in linear time. */
async function compileNames(sources: readonly string[]): Promise<(name: string) => boolean> {
  if (sources.length === 0) return () => true
  const { RE2JS } = await import('re2js')
  const expressions = sources.map((source) => {
    try {
      return RE2JS.compile(source)
    } catch (error) {
      const text = toMessage(error).replace(/^error parsing regexp: /, '')
      throw new FlotillaError('machine/usage', `error parsing regexp: ${text}`, { cause: error })
    }
  })
  return (name) => expressions.some((expression) => expression.matcher(name).find())
}

async function print(
  ctx: Context,
  flags: FlagValues<typeof lsFlags>,
  rows: readonly HostRow[],
  swarms: ReadonlyMap<string, string>,
): Promise<void> {
  const { renderRows } = await import('./ls-format.ts')
  ctx.stdout.write(renderRows(flags.format, rows, swarms))
}
