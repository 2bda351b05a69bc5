import type { Buffer } from 'node:buffer'
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import type { CallOptions } from '../../core/call.ts'
import { toMessage } from '../../core/errors.ts'
import type { Engine } from '../engine.ts'
import { invalidAnswer } from '../errors.ts'
import { asShape, plainCallMs, renderFilters } from './call.ts'
import { event as eventShape } from './shapes.ts'
import type { Filters } from './types.ts'
import type { EngineEvent } from './types-resource.ts'

/**
 * Subscribes to the engine's events. Resolves when the engine has accepted, so that nothing that happens
 * after it is missed. The events end when the engine closes the stream (it never does by itself without
 * `until`); leaving the loop closes the connection. The deadline limits the subscription only.
 *
 * @param query times as RFC 3339 or epoch seconds, with nanoseconds after a dot
 */
export async function watchEvents(
  engine: Engine,
  query: { readonly since?: string | number; readonly until?: string | number; readonly filters?: Filters } = {},
  o?: CallOptions,
): Promise<AsyncIterable<EngineEvent>> {
  const { since, until, filters } = query
  const reply = await engine.request(
    { method: 'GET', path: '/events', query: { since, until, filters: renderFilters(filters) }, stream: true },
    { deadlineMs: plainCallMs, ...o },
  )
  return reply.documents<EngineEvent>()
}

/** An event with its time as exact as the engine tells it. */
export interface TimedEvent {
  readonly event: EngineEvent
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint
}

/** As `watchEvents`, for those who print times: a number holds nanoseconds since the epoch only roughly. */
export async function watchTimedEvents(
  engine: Engine,
  query: { readonly since?: string | number; readonly until?: string | number; readonly filters?: Filters } = {},
  o?: CallOptions,
): Promise<AsyncIterable<TimedEvent>> {
  const { since, until, filters } = query
  const reply = await engine.request(
    { method: 'GET', path: '/events', query: { since, until, filters: renderFilters(filters) }, stream: true },
    { deadlineMs: plainCallMs, ...o },
  )
  return readTimed(engine, reply.body)
}

/** Engines write one event a line. */
async function* readTimed(engine: Engine, body: Readable): AsyncGenerator<TimedEvent, void> {
  let rest = ''
  const decoder = new StringDecoder('utf8')
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > maxEventLength) throw invalidAnswer(engine.endpoint, 'an event without end')
    for (const line of lines) if (line.trim() !== '') yield parseTimed(engine, line)
  }
  if (rest.trim() !== '') yield parseTimed(engine, rest)
}

const maxEventLength = 16 * 1024 * 1024

function parseTimed(engine: Engine, line: string): TimedEvent {
  let event: EngineEvent
  try {
    event = JSON.parse(line) as EngineEvent
  } catch (error) {
    throw invalidAnswer(engine.endpoint, `an event that is no JSON: ${toMessage(error)}`)
  }
  asShape(engine, { method: 'GET', path: '/events' }, event, eventShape)
  // Inside a text the quotes would be escaped: this is the field.
  const exact = /"timeNano":(\d+)(?!.*"timeNano":\d)/.exec(line)?.[1]
  return { event, timeNs: exact === undefined ? BigInt(Math.trunc(event.time)) * 1_000_000_000n : BigInt(exact) }
}
