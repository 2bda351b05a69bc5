import type { CallOptions } from '../../core/call.ts'
import type { Engine } from '../engine.ts'
import { plainCallMs, renderFilters } from './call.ts'
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
