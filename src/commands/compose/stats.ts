import type { Context, Run } from '../../cli/command.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { joinSignals } from '../../io/join-signals.ts'
import { mapLimit } from '../../core/limit.ts'
import { observeContainers } from '../../compose/observe.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import type { ObservedContainer } from '../../compose/plan/observed.ts'
import { statsHeadings, statsTable, toStatsRow } from '../../compose/view/stats-row.ts'
import type { StatsReading } from '../../compose/view/stats-row.ts'
import { containerStats } from '../../engine/api/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import { renderGoJson } from './go-json.ts'
import { renderDockerRows } from './row-format.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'
import type { statsFlags } from './view-table.ts'

type StatsFlags = Parameters<typeof run>[1]

/** A picture is shown this often; engines send a reading a second. */
const frameMs = 500
const clearScreen = '\u001b[2J\u001b[H'

/** Container ID → its last reading. */
type Readings = Map<string, StatsReading>

/** Shows readings until it is interrupted or all containers are gone, or once with `--no-stream`. */
export const run: Run<typeof statsFlags> = async (ctx, flags, args) => {
  const { name } = await requireTarget(ctx, [])
  await withSession(ctx, async ({ engine, parallel }) => {
    const all = await observeContainers(engine, name, { signal: ctx.signal })
    const containers = all
      .filter(
        (container) => (flags.all || isAlive(container)) && (args.length === 0 || args.includes(container.service)),
      )
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    const readings: Readings = new Map()
    if (flags['no-stream'] || containers.length === 0) {
      await mapLimit(containers, parallel, (container) => readOnce(ctx, engine, container, readings))
      ctx.stdout.write(render(flags, containers, readings))
      return
    }
    await showFrames(ctx, engine, flags, containers, readings)
  })
}

/** The engine takes two readings for one answer, so that the share of a processor is known. */
async function readOnce(ctx: Context, engine: Engine, container: ObservedContainer, readings: Readings): Promise<void> {
  if (!isAlive(container)) return
  await follow(ctx, engine, container, readings, false)
}

async function follow(
  ctx: Context,
  engine: Engine,
  container: ObservedContainer,
  readings: Readings,
  isStream: boolean,
): Promise<void> {
  try {
    const documents = await containerStats(engine, container.id, { stream: isStream }, { signal: ctx.signal })
    for await (const reading of documents as AsyncIterable<StatsReading>) readings.set(container.id, reading)
  } catch (error) {
    // It has been removed meanwhile.
    if (!isFlotillaError(error) || error.status !== 404) throw error
  }
}

async function showFrames(
  ctx: Context,
  engine: Engine,
  flags: StatsFlags,
  containers: readonly ObservedContainer[],
  readings: Readings,
): Promise<void> {
  const over = new AbortController()
  const streams = containers
    .filter(isAlive)
    .map((container) => follow(ctx, engine, container, readings, true).finally(() => readings.delete(container.id)))
  const ended = Promise.all(streams).finally(() => over.abort())
  ended.catch(() => {})
  const signal = joinSignals(ctx.signal, over.signal)
  while (!signal.aborted) {
    if (readings.size > 0 || streams.length === 0) {
      ctx.stdout.write(`${ctx.terminal.isTty ? clearScreen : ''}${render(flags, containers, readings)}`)
    }
    await ctx.clock.sleep(frameMs, signal).catch(() => {})
  }
  await ended
}

function render(flags: StatsFlags, containers: readonly ObservedContainer[], readings: Readings): string {
  const rows = containers.map((container) => toStatsRow(container, readings.get(container.id), flags['no-trunc']))
  const { format = 'table' } = flags
  if (format === 'json') return rows.map((row) => `${renderGoJson(row)}\n`).join('')
  const template = format === 'table' || format === '' ? statsTable : format
  return renderDockerRows(template, statsHeadings, rows, '*container.statsContext')
}
