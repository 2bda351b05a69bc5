import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { settleLimit } from '../../core/limit.ts'
import { readInventory } from '../../machine/inventory.ts'
import { findSwarms, parseFilters, passesFilter } from '../../machine/host-filter.ts'
import type { Store } from '../../machine/store.ts'
import { makeLogPainter } from '../../ui/log-prefix.ts'
import { openMachines } from './each-machine.ts'
import { openStore } from './open-machine.ts'
import type { execFlags } from './own-table.ts'
import { runOnMachine } from './run-own.ts'

type ExecFlags = FlagValues<typeof execFlags>

/** Runs one command on many machines side by side; every line of output carries the machine's name. */
export const run: Run<typeof execFlags> = async (ctx, flags, args) => {
  const { names, command } = splitLine(args)
  if (command.length === 0) {
    throw new FlotillaError('machine/usage', 'no command: write it after "--"', {
      hint: `for instance: exec web-1 web-2 -- uptime`,
    })
  }
  if (!Number.isInteger(flags.parallel) || flags.parallel < 1) {
    throw new FlotillaError('machine/usage', `--parallel ${flags.parallel} is not a number from 1 up`)
  }
  const store = openStore(ctx)
  const chosen = await choose(store, flags, names)
  await openMachines(ctx, store, chosen)
  const { stdout, stderr, terminal } = ctx
  const painter = makeLogPainter({ stdout, stderr, terminal, hasPrefix: !flags['no-prefix'] })
  for (const name of chosen) painter.announce(name)
  const results = await settleLimit(chosen, flags.parallel, async (name) => {
    const code = await runOnMachine(ctx, store, name, command, (stream, text) => painter.write(name, stream, text))
    painter.end(name)
    return code
  })
  if (ctx.signal.aborted) throw ctx.signal.reason
  return report(ctx, results)
}

/** Machines before `--`, the command behind it. */
function splitLine(args: readonly string[]): {
  readonly names: readonly string[]
  readonly command: readonly string[]
} {
  const at = args.indexOf('--')
  if (at >= 0) return { names: [...new Set(args.slice(0, at))], command: args.slice(at + 1) }
  return { names: [], command: args }
}

async function choose(store: Store, flags: ExecFlags, names: readonly string[]): Promise<readonly string[]> {
  if (names.length > 0) {
    if (flags.filter.length > 0) throw new FlotillaError('machine/usage', 'give names or --filter, not both')
    return names
  }
  const filter = parseFilters(flags.filter)
  if (filter.state.length > 0 || filter.name.length > 0) {
    throw new FlotillaError('machine/usage', '--filter takes driver=, label= and swarm= here')
  }
  if (!flags.all && flags.filter.length === 0) {
    throw new FlotillaError('machine/usage', 'no machines: name them before "--", or give --all or --filter')
  }
  const { hosts } = await readInventory(store)
  const swarms = findSwarms(hosts)
  const found = hosts.filter((host) => passesFilter(host, filter, swarms, () => true)).map(({ name }) => name)
  if (found.length === 0) throw new FlotillaError('machine/not-found', 'no machine matches')
  return found
}

function report(ctx: Context, results: Awaited<ReturnType<typeof settleLimit<string, number>>>): number {
  const failed = results.flatMap((result) => {
    if (result.kind === 'failed') return [{ name: result.item, code: 1, text: toMessage(result.error) }]
    return result.value === 0 ? [] : [{ name: result.item, code: result.value, text: `exit code ${result.value}` }]
  })
  for (const { name, text } of failed) ctx.stderr.write(`${name}: ${text}\n`)
  const codes = new Set(failed.map(({ code }) => code))
  // One code for all is worth passing on.
  return codes.size === 1 ? ([...codes][0] ?? 1) : codes.size === 0 ? 0 : 1
}
