import { setImmediate } from 'node:timers/promises'
import type { Context, Run } from '../../cli/command.ts'
import type { CompileRegex } from '../../cluster/expression.ts'
import type { NodeView } from '../../cluster/model.ts'
import { loadRegex } from '../../cluster/regex.ts'
import { Simulation } from '../../cluster/simulate.ts'
import type { SimulationReport, Spread } from '../../cluster/simulate.ts'
import { drawNodes, numberCreate, parseEvent, parseLines, sketchCreate } from '../../cluster/simulate-input.ts'
import type { SimulationEvent } from '../../cluster/simulate-input.ts'
import { parseNode } from '../../cluster/snapshot-lines.ts'
import { toOvercommitPercent } from '../../cluster/watch/specs.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { renderTable } from '../../ui/table.ts'
import { readSize } from './create-body.ts'
import { loadFilters, loadStrategy } from './load-policy.ts'
import { withManagement } from './management.ts'
import { readInput } from './read-input.ts'
import type { simulateFlags } from './cluster-flags.ts'

type Flags = FlagValues<typeof simulateFlags>

/** Most nodes that may be described. */
const maxNodes = 1_000_000

/** Plays events over a cluster in memory and says what came of it. */
export const run: Run<typeof simulateFlags> = async (ctx, flags) => {
  if (flags.record) {
    await withManagement(ctx, flags, (management) => management.copy('/flotilla/snapshot', ctx.stdout))
    return 0
  }
  const compile = await loadRegex()
  const nodes = await readNodes(ctx, flags)
  const events = await readEvents(ctx, flags, compile)
  const policy = { strategy: await loadStrategy(ctx, flags.strategy), filters: await loadFilters(ctx, flags.filter) }
  const startMs = ctx.clock.monotonicMs()
  const simulation = new Simulation(nodes, policy, compile, flags.seed)
  const breathe = makePause(ctx)
  for (const event of events) await play(simulation, event, flags['reschedule-all'], breathe)
  const report = simulation.report()
  const tookMs = ctx.clock.monotonicMs() - startMs
  if (flags.format === 'json') {
    const head = { strategy: policy.strategy.name, milliseconds: Math.round(tookMs) }
    ctx.stdout.write(`${JSON.stringify({ ...head, ...report }, undefined, 2)}\n`)
  } else printReport(ctx, report, tookMs, flags['per-node'])
  return report.refused + report.stranded === 0 ? 0 : 1
}

async function readNodes(ctx: Context, flags: Flags): Promise<readonly NodeView[]> {
  if (flags.cluster !== undefined) {
    if (flags.nodes > 0) throw invalid('--cluster and --nodes exclude each other')
    if (flags.cluster === '-' && flags.events === '-') throw invalid('--cluster and --events cannot both be -')
    return parseLines(await readInput(ctx, flags.cluster), flags.cluster, parseNode)
  }
  if (flags.nodes <= 0) throw invalid('nothing to simulate on: give --nodes N, or --cluster FILE as --record prints it')
  if (flags.nodes > maxNodes) throw invalid(`--nodes: at most ${String(maxNodes)}`)
  if (!(flags.cpus > 0)) throw invalid('--cpus should be a positive number')
  if (!(flags.overcommit > -1)) throw invalid('--overcommit should be larger than -1')
  if (flags.gpus < 0 || flags.gpus > 1024) throw invalid('--gpus should be a number from 0 to 1024')
  return drawNodes({
    nodes: flags.nodes,
    cpus: flags.cpus,
    memoryBytes: readSize('memory', flags.memory),
    gpus: flags.gpus,
    labels: readNodeLabels(flags.label),
    overcommitPercent: toOvercommitPercent(flags.overcommit),
  })
}

function readNodeLabels(texts: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const labels = new Map<string, readonly string[]>()
  for (const text of texts) {
    const cut = text.indexOf('=')
    if (cut < 1) throw invalid(`--label ${JSON.stringify(text)} is not of the form KEY=VALUE`)
    labels.set(text.slice(0, cut), text.slice(cut + 1).split('|'))
  }
  return labels
}

async function readEvents(ctx: Context, flags: Flags, compile: CompileRegex): Promise<readonly SimulationEvent[]> {
  const events: SimulationEvent[] = []
  if (flags.events !== undefined) {
    const text = await readInput(ctx, flags.events)
    for (const event of parseLines(text, flags.events, (line) => parseEvent(line, compile))) events.push(event)
  }
  if (flags.containers > 0) {
    const HostConfig = {
      NanoCpus: Math.round(flags['container-cpus'] * 1e9),
      Memory: readSize('container-memory', flags['container-memory']),
    }
    const create = sketchCreate('', { Env: flags.env, HostConfig }, '', compile)
    events.push({ kind: 'create', create, count: flags.containers })
  }
  for (const node of flags.fail) events.push({ kind: 'fail', node })
  if (events.length === 0) throw invalid('nothing happens: give --containers N or --events FILE')
  return events
}

/** Steps between two looks at whether somebody wants to stop. */
const stretch = 256

/** To be called before each step; a promise when others have to have their turn first, which rejects after a signal. */
type Pause = () => Promise<void> | undefined

function makePause({ signal }: Context): Pause {
  let steps = 0
  return () => {
    steps += 1
    return steps % stretch === 0 ? setImmediate().then(() => signal.throwIfAborted()) : undefined
  }
}

/** @throws {cluster/invalid-option} for names nobody has */
async function play(
  simulation: Simulation,
  event: SimulationEvent,
  isEverythingRescheduled: boolean,
  breathe: Pause,
): Promise<void> {
  const pause = breathe()
  if (pause !== undefined) await pause
  switch (event.kind) {
    case 'create':
      for (let index = 0; index < event.count; index += 1) {
        const longer = breathe()
        if (longer !== undefined) await longer
        simulation.create(numberCreate(event.create, index, event.count))
      }
      return
    case 'remove':
      if (!simulation.remove(event.name)) throw invalid(`cannot remove container ${event.name}: there is none`)
      return
    default:
      if (!simulation.fail(event.node, isEverythingRescheduled))
        throw invalid(`node ${event.node} cannot fail: there is none`)
  }
}

function printReport(ctx: Context, report: SimulationReport, tookMs: number, isPerNode: boolean): void {
  const { placed, refused, requested, moved, stranded, lost } = report
  const perSecond = Math.round((requested + moved + stranded) / Math.max(0.001, tookMs / 1000))
  ctx.stdout.write(`${String(requested)} containers on ${String(report.nodes.length)} nodes: `)
  ctx.stdout.write(`${String(placed)} placed, ${String(refused)} refused`)
  if (report.softIgnored > 0) ctx.stdout.write(`; soft conditions were dropped for ${String(report.softIgnored)}`)
  if (moved + stranded + lost > 0) {
    ctx.stdout.write(`\nFailed nodes: ${String(moved)} moved, ${String(stranded)} found no place, ${String(lost)} gone`)
  }
  ctx.stdout.write(`\n${(tookMs / 1000).toFixed(2)} s, ${String(perSecond)} placements a second\n\n`)
  const rows = [
    ['containers', ...renderSpread(report.containers, '')],
    ['CPUs', ...renderSpread(report.cpuPercent, ' %')],
    ['memory', ...renderSpread(report.memoryPercent, ' %')],
  ]
  ctx.stdout.write(`${renderTable(['PER NODE', 'LEAST', 'MEAN', 'MOST', 'DEVIATION'], rows)}\n`)
  if (report.refusals.length > 0) {
    const reasons = report.refusals.map(({ count, reason }) => [String(count), reason])
    ctx.stdout.write(`\n${renderTable(['REFUSED', 'REASON'], reasons)}\n`)
  }
  if (!isPerNode) return
  const nodes = report.nodes.map((node) => [
    node.name,
    String(node.containers),
    String(node.placed),
    `${String(node.cpuPercent)} %`,
    `${String(node.memoryPercent)} %`,
  ])
  ctx.stdout.write(`\n${renderTable(['NODE', 'CONTAINERS', 'PLACED', 'CPUS', 'MEMORY'], nodes)}\n`)
}

function renderSpread(spread: Spread, unit: string): readonly string[] {
  return [spread.least, spread.mean, spread.most, spread.deviation].map((value) => `${String(value)}${unit}`)
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message)
}
