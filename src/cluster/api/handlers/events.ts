import { FlotillaError } from '../../../core/errors.ts'
import { EventWriter } from '../event-writer.ts'
import { isWantedEvent } from '../event-filter.ts'
import { readNumber } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { paramsOf } from '../call.ts'
import type { Api, Handler } from '../call.ts'
import { parseListFilters } from '../list-filter.ts'
import { parseTimeMs } from '../time-filter.ts'
import type { Exchange } from '../http1/exchange.ts'
import { toClusterEvent } from '../../cluster-event.ts'

/** All engines' events as one stream, one JSON object a line, beginning with what lies in the past when asked for. */
export const events: Handler = async (api, call) => {
  const params = paramsOf(call)
  const filters = parseListFilters(params.get('filters') ?? '')
  const since = readTime(params, 'since', api.cluster.clock.nowMs())
  const until = readTime(params, 'until', api.cluster.clock.nowMs())
  if (since !== undefined && until !== undefined && since > until) {
    // As they were given (moby api/server/router/system/system_routes.go).
    const [given, end] = [params.get('since') ?? '', params.get('until') ?? '']
    const message = `\`since\` time (${given}) cannot be after \`until\` time (${end})`
    throw new FlotillaError('cluster/invalid-option', message, { status: 400 })
  }
  const { exchange } = call
  const mayHear = api.makeHearing?.()
  const writer = new EventWriter(
    exchange,
    api.cluster.clock,
    (event) => mayHear?.(event) !== false && isWantedEvent(event, filters),
    api.limits,
  )
  // Subscribed first: what happens during the replay waits in the queue.
  const unsubscribe = api.cluster.events.subscribe({ hear: (event) => writer.offer(event) })
  exchange.startStream(200, ['Content-Type', 'application/json', 'Api-Version', api.cluster.apiVersion])
  const stop = new AbortController()
  exchange.onGone(() => stop.abort())
  try {
    // An end alone asks for what lies before it, too (moby daemon/events, loadBufferedEvents).
    if (since !== undefined || until !== undefined) await replay(api, exchange, writer, since ?? 0, until)
    writer.open()
    const leftMs = until === undefined ? undefined : until * 1000 - api.cluster.clock.nowMs()
    if (leftMs === undefined) await writer.ended(stop.signal)
    else if (leftMs > 0) await Promise.race([api.cluster.clock.sleep(leftMs, stop.signal), writer.ended(stop.signal)])
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    unsubscribe()
    stop.abort()
    writer.close()
  }
  // Not after a failure: a stream that broke off must not look complete.
  exchange.end()
}

/** Epoch seconds; undefined when it is not given. @throws {cluster/invalid-option} status 400 */
function readTime(params: URLSearchParams, name: string, nowMs: number): number | undefined {
  const text = params.get(name) ?? ''
  return text === '' ? undefined : parseTimeMs(text, name, nowMs) / 1000
}

/** What the engines remember, in order of time. An engine that does not answer in time is left out. */
async function replay(
  api: Api,
  exchange: Exchange,
  writer: EventWriter,
  since: number,
  until: number | undefined,
): Promise<void> {
  const now = api.cluster.clock.nowMs() / 1000
  const to = Math.min(until ?? now, now)
  const past = await Promise.all(
    api.cluster.healthyMembers().map(async (member) => {
      const found: Fields[] = []
      try {
        const request = { method: 'GET', path: '/events', query: { since, until: to } } as const
        const reply = await member.engine.request(request, { deadlineMs: api.limits.gatherSeconds * 1000 })
        for await (const event of reply.documents<Fields>()) found.push(toClusterEvent(event, member.view))
      } catch {
        api.cluster.log.warn('no past events from an engine', { node: member.name })
      }
      return found
    }),
  )
  const all = past.flat().sort((a, b) => readNumber(a, 'timeNano') - readNumber(b, 'timeNano'))
  // Engines keep some hundred events each, so a fleet's past is longer than any backlog may be.
  for (const event of all) {
    if (writer.isDropped) return
    if (!writer.replay(event)) await exchange.drain()
  }
}
