import type { CallOptions } from '../../core/call.ts'
import type { Engine } from '../engine.ts'
import { callForShape, callForStatus, createCallMs, escapeSegment, renderFilters } from './call.ts'
import type { Filters } from './types.ts'
import type { VolumeCreateBody, VolumeInspect, VolumeList } from './types-resource.ts'
import { volumeRow, volumeRows } from './shapes.ts'

/** Volumes of the engine, with warnings of drivers that could not be asked. */
export function listVolumes(
  engine: Engine,
  query: { readonly filters?: Filters } = {},
  o?: CallOptions,
): Promise<VolumeList> {
  const filters = renderFilters(query.filters)
  return callForShape(engine, { method: 'GET', path: '/volumes', query: { filters } }, volumeRows, o)
}

/** @throws {engine/not-found} */
export function inspectVolume(engine: Engine, name: string, o?: CallOptions): Promise<VolumeInspect> {
  return callForShape(engine, { method: 'GET', path: `/volumes/${escapeSegment(name)}` }, volumeRow, o)
}

/** Creating one that exists with the same driver returns the existing one. */
export function createVolume(engine: Engine, body: VolumeCreateBody, o?: CallOptions): Promise<VolumeInspect> {
  return callForShape(engine, { method: 'POST', path: '/volumes/create', body }, volumeRow, o, createCallMs)
}

/** @throws {engine/conflict} while a container uses it */
export async function removeVolume(
  engine: Engine,
  name: string,
  query: { readonly force?: boolean } = {},
  o?: CallOptions,
): Promise<void> {
  const { force } = query
  await callForStatus(engine, { method: 'DELETE', path: `/volumes/${escapeSegment(name)}`, query: { force } }, o)
}
