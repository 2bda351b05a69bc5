import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import { makeMonitor } from '../../compose/logs/monitor.ts'
import type { LogSink } from '../../compose/logs/sink.ts'
import { streamLogs } from '../../compose/logs/stream.ts'
import { parseLogTime } from '../../compose/logs/time.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import type { ObservedContainer } from '../../compose/plan/observed.ts'
import { toLogName } from '../../compose/translate/name.ts'
import type { LogsQuery } from '../../engine/api/streams.ts'
import { makeLogPainter } from '../../ui/log-prefix.ts'
import { waitForRoom } from '../../ui/room.ts'
import type { logsFlags } from './lifecycle-table.ts'
import { hasColour } from './session.ts'
import { containersOf, withRoster } from './verb.ts'
import type { Found } from './verb.ts'

/** Logs read at once when they are not followed. */
const maxStreams = 16

type LogsFlags = Parameters<typeof run>[1]

export const run: Run<typeof logsFlags> = async (ctx, flags, args) => {
  const index = flags.index ?? 0
  if (index > 0 && args.length !== 1) {
    throw new FlotillaError('cli/usage', '--index requires one service to be selected')
  }
  const query = toQuery(flags, ctx.clock.nowMs())
  const show = async (found: Found): Promise<void> => {
    const containers = containersOf(found.roster, args.length > 0 ? args : listened(found)).filter(
      (container) => !container.isOneOff && (index <= 0 || container.number === index),
    )
    if (index > 0 && containers.length === 0) {
      throw new FlotillaError('compose/not-found', `service "${args[0]}" is not running container #${index}`)
    }
    const sink = makeSink(ctx, flags)
    const labels = containers.map((container) => toLogName(found.name, container.service, container.name))
    for (const label of labels) sink.announce(label)
    if (flags.follow) await follow(ctx, found, containers, query, sink)
    else await mapLimit(containers, maxStreams, (container) => readLog(ctx, found, container, query, sink))
    sink.end()
  }
  await withRoster(ctx, args, show, { isLenient: true })
}

/**
 * Whose logs are shown when no service is named: not those the file asks to leave alone (docker/compose
 * cmd/compose/logs.go). Nothing stands for all: where only labels are known, nobody asks for that.
 */
function listened({ project }: Found): readonly string[] {
  if (project === undefined) return []
  return Object.values(project.services).flatMap(({ name, attach }) => (attach === false ? [] : [name]))
}

function toQuery(flags: LogsFlags, nowMs: number): LogsQuery {
  // An unset variable behind the flag means as much as no flag.
  if (!/^(?:all|-?\d+)?$/.test(flags.tail)) {
    throw new FlotillaError('cli/invalid-value', `invalid value for --tail: "${flags.tail}"`)
  }
  return {
    tail: /^\d+$/.test(flags.tail) ? flags.tail : 'all',
    timestamps: flags.timestamps,
    ...(flags.since !== undefined && { since: parseLogTime(flags.since, nowMs, 'since') }),
    ...(flags.until !== undefined && { until: parseLogTime(flags.until, nowMs, 'until') }),
  }
}

/** A log driver that cannot be read is a warning: the other logs are shown. */
async function readLog(
  ctx: Context,
  found: Found,
  container: ObservedContainer,
  query: LogsQuery,
  sink: LogSink,
): Promise<void> {
  const source = { id: container.id, label: toLogName(found.name, container.service, container.name) }
  try {
    await streamLogs(found.session.engine, source, query, sink, { signal: ctx.signal })
  } catch (error) {
    if (!isFlotillaError(error) || error.status === undefined || ctx.signal.aborted) throw error
    ctx.log.warn(`${container.name}: ${toMessage(error)}`)
  }
}

/** What has ended is read to its end; what runs is followed until all have ended. */
async function follow(
  ctx: Context,
  found: Found,
  containers: readonly ObservedContainer[],
  query: LogsQuery,
  sink: LogSink,
): Promise<void> {
  const running = containers.filter(isAlive)
  const services = new Set(containers.map((container) => container.service))
  const monitor = makeMonitor(
    found.session.engine,
    {
      project: found.name,
      sink,
      clock: ctx.clock,
      services,
      shown: services,
      hasNotes: true,
      timestamps: query.timestamps === true,
    },
    { signal: ctx.signal },
  )
  const cancelled = new Promise<never>((_, reject) => {
    const cancel = (): void => reject(new FlotillaError('cli/cancelled', 'cancelled'))
    if (ctx.signal.aborted) cancel()
    ctx.signal.addEventListener('abort', cancel, { once: true })
  })
  try {
    await monitor.open()
    for (const container of running) monitor.replay(container, query)
    monitor.complete()
    const ended = containers.filter((container) => !isAlive(container))
    const all = mapLimit(ended, maxStreams, (container) => readLog(ctx, found, container, query, sink))
    await Promise.race([cancelled, running.length > 0 ? Promise.all([all, monitor.ended]) : all])
  } finally {
    monitor.close()
  }
}

/** Both streams go to stdout, as in the reference program. */
function makeSink(ctx: Context, flags: LogsFlags): LogSink {
  const colour = flags['no-color'] ? false : hasColour(ctx)
  const painter = makeLogPainter({
    stdout: ctx.stdout,
    stderr: ctx.stdout,
    terminal: ctx.terminal,
    hasPrefix: !flags['no-log-prefix'],
    ...(colour !== undefined && { hasColour: colour }),
  })
  return { ...painter, room: () => waitForRoom([ctx.stdout]) }
}
