import type { CallOptions } from '../../core/call.ts'
import type { Engine } from '../engine.ts'
import { callForJson, callForShape, callForStatus, createCallMs, escapeSegment, renderFilters } from './call.ts'
import type { EndpointSettings, Filters } from './types.ts'
import type { NetworkCreateBody, NetworkCreated, NetworkInspect } from './types-resource.ts'
import { made, networkRows } from './shapes.ts'

/** Networks of the engine; which containers are on them is not among it. */
export function listNetworks(
  engine: Engine,
  query: { readonly filters?: Filters } = {},
  o?: CallOptions,
): Promise<readonly NetworkInspect[]> {
  const filters = renderFilters(query.filters)
  return callForShape(engine, { method: 'GET', path: '/networks', query: { filters } }, networkRows, o)
}

/** @throws {engine/not-found} */
export function inspectNetwork(
  engine: Engine,
  id: string,
  query: { readonly verbose?: boolean; readonly scope?: string } = {},
  o?: CallOptions,
): Promise<NetworkInspect> {
  const { verbose, scope } = query
  return callForJson(engine, { method: 'GET', path: `/networks/${escapeSegment(id)}`, query: { verbose, scope } }, o)
}

/** Engines before 1.44 make a second network of the same name unless `CheckDuplicate` is set. */
export function createNetwork(engine: Engine, body: NetworkCreateBody, o?: CallOptions): Promise<NetworkCreated> {
  return callForShape(engine, { method: 'POST', path: '/networks/create', body }, made, o, createCallMs)
}

/** @throws {engine/conflict} or {engine/unauthorized} while containers are on it, depending on the engine's age */
export async function removeNetwork(engine: Engine, id: string, o?: CallOptions): Promise<void> {
  await callForStatus(engine, { method: 'DELETE', path: `/networks/${escapeSegment(id)}` }, o, createCallMs)
}

/** Connects a container, running or not, to one more network. */
export async function connectNetwork(
  engine: Engine,
  id: string,
  body: { readonly Container: string; readonly EndpointConfig?: EndpointSettings },
  o?: CallOptions,
): Promise<void> {
  await callForStatus(engine, { method: 'POST', path: `/networks/${escapeSegment(id)}/connect`, body }, o)
}

/** Takes a container off a network; with `Force` also one that the engine does not know any more. */
export async function disconnectNetwork(
  engine: Engine,
  id: string,
  body: { readonly Container: string; readonly Force?: boolean },
  o?: CallOptions,
): Promise<void> {
  await callForStatus(engine, { method: 'POST', path: `/networks/${escapeSegment(id)}/disconnect`, body }, o)
}
