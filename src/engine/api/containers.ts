import type { CallOptions } from '../../core/call.ts'
import type { Engine } from '../engine.ts'
import {
  asShape,
  callForJson,
  callForShape,
  callForStatus,
  createCallMs,
  escapeSegment,
  plainCallMs,
  renderFilters,
  slowCallMs,
} from './call.ts'
import { containerDetails, containerExit, containerRows, made, processTable } from './shapes.ts'
import type {
  ContainerCreateBody,
  ContainerCreated,
  ContainerExit,
  ContainerInspect,
  ContainerResources,
  ContainerSummary,
  ContainerTop,
  Filters,
  RestartPolicy,
} from './types.ts'

function containerPath(id: string, action: string): string {
  return `/containers/${escapeSegment(id)}${action}`
}

/** @returns newest first; only running ones unless `all` */
export function listContainers(
  engine: Engine,
  query: { readonly all?: boolean; readonly filters?: Filters; readonly limit?: number; readonly size?: boolean } = {},
  o?: CallOptions,
): Promise<readonly ContainerSummary[]> {
  const { all, filters, limit, size } = query
  return callForShape(
    engine,
    { method: 'GET', path: '/containers/json', query: { all, limit, size, filters: renderFilters(filters) } },
    containerRows,
    o,
  )
}

/** @throws {engine/not-found} */
export function inspectContainer(
  engine: Engine,
  id: string,
  query: { readonly size?: boolean } = {},
  o?: CallOptions,
): Promise<ContainerInspect> {
  const request = { method: 'GET', path: containerPath(id, '/json'), query: { size: query.size } } as const
  return callForShape(engine, request, containerDetails, o)
}

/**
 * @throws {engine/not-found} when the image is not there
 * @throws {engine/conflict} when the name is taken
 */
export function createContainer(
  engine: Engine,
  body: ContainerCreateBody,
  query: { readonly name?: string; readonly platform?: string } = {},
  o?: CallOptions,
): Promise<ContainerCreated> {
  return callForShape(
    engine,
    { method: 'POST', path: '/containers/create', query: { name: query.name, platform: query.platform }, body },
    made,
    o,
    createCallMs,
  )
}

/** Starting a running container is no error. */
export async function startContainer(
  engine: Engine,
  id: string,
  query: { readonly detachKeys?: string } = {},
  o?: CallOptions,
): Promise<void> {
  const { detachKeys } = query
  await callForStatus(
    engine,
    { method: 'POST', path: containerPath(id, '/start'), query: { detachKeys } },
    o,
    createCallMs,
  )
}

/** How to end a container: grace time in seconds before SIGKILL (-1: none), and the first signal. */
export interface StopQuery {
  readonly timeoutSeconds?: number
  readonly signal?: string
}

/** Stopping a stopped container is no error. Returns when it has stopped. */
export async function stopContainer(engine: Engine, id: string, query: StopQuery = {}, o?: CallOptions): Promise<void> {
  await callForStatus(
    engine,
    { method: 'POST', path: containerPath(id, '/stop'), query: renderStop(query) },
    o,
    stopDeadlineMs(query),
  )
}

/** Stops a container as `stopContainer` does and starts it; one that does not run is started. */
export async function restartContainer(
  engine: Engine,
  id: string,
  query: StopQuery = {},
  o?: CallOptions,
): Promise<void> {
  await callForStatus(
    engine,
    { method: 'POST', path: containerPath(id, '/restart'), query: renderStop(query) },
    o,
    stopDeadlineMs(query),
  )
}

function renderStop(query: StopQuery): { t: number | undefined; signal: string | undefined } {
  return { t: query.timeoutSeconds, signal: query.signal }
}

function stopDeadlineMs(query: StopQuery): number {
  const { timeoutSeconds = -1 } = query
  return timeoutSeconds < 0 ? slowCallMs : createCallMs + timeoutSeconds * 1000
}

/** @throws {engine/conflict} when it does not run */
export async function killContainer(
  engine: Engine,
  id: string,
  query: { readonly signal?: string } = {},
  o?: CallOptions,
): Promise<void> {
  const { signal } = query
  await callForStatus(engine, { method: 'POST', path: containerPath(id, '/kill'), query: { signal } }, o)
}

/** Freezes the processes of a container. One that is paused or does not run is an error. */
export async function pauseContainer(engine: Engine, id: string, o?: CallOptions): Promise<void> {
  await callForStatus(engine, { method: 'POST', path: containerPath(id, '/pause') }, o)
}

/** Lets the processes of a paused container go on. */
export async function unpauseContainer(engine: Engine, id: string, o?: CallOptions): Promise<void> {
  await callForStatus(engine, { method: 'POST', path: containerPath(id, '/unpause') }, o)
}

/** @throws {engine/conflict} when it runs and `force` is not given */
export async function removeContainer(
  engine: Engine,
  id: string,
  query: { readonly force?: boolean; readonly volumes?: boolean; readonly link?: boolean } = {},
  o?: CallOptions,
): Promise<void> {
  const { force, volumes, link } = query
  await callForStatus(
    engine,
    { method: 'DELETE', path: containerPath(id, ''), query: { force, v: volumes, link } },
    o,
    createCallMs,
  )
}

/** @throws {engine/conflict} when the new name is taken */
export async function renameContainer(engine: Engine, id: string, name: string, o?: CallOptions): Promise<void> {
  // A manager that knows nobody who leads holds it for as long as a plain call may take.
  await callForStatus(engine, { method: 'POST', path: containerPath(id, '/rename'), query: { name } }, o, createCallMs)
}

/** Changes limits or the restart policy of an existing container. */
export function updateContainer(
  engine: Engine,
  id: string,
  body: ContainerResources & { readonly RestartPolicy?: RestartPolicy },
  o?: CallOptions,
): Promise<{ readonly Warnings: readonly string[] | null }> {
  return callForJson(engine, { method: 'POST', path: containerPath(id, '/update'), body }, o)
}

/** Resolves when the container meets the condition (default `not-running`). Without a limit of its own. */
export async function waitContainer(
  engine: Engine,
  id: string,
  query: {
    readonly condition?: 'not-running' | 'next-exit' | 'removed'
    /** Called once the engine is watching: no later end is missed. */
    readonly onWatching?: () => void
  } = {},
  o?: CallOptions,
): Promise<ContainerExit> {
  const { condition, onWatching } = query
  const request = { method: 'POST', path: containerPath(id, '/wait'), query: { condition }, stream: true } as const
  const reply = await engine.request(request, o)
  onWatching?.()
  return asShape(engine, request, await reply.json<ContainerExit>(), containerExit)
}

/** @param psArgs arguments for `ps`, default `-ef` */
export function topContainer(
  engine: Engine,
  id: string,
  query: { readonly psArgs?: string } = {},
  o?: CallOptions,
): Promise<ContainerTop> {
  return callForShape(
    engine,
    { method: 'GET', path: containerPath(id, '/top'), query: { ps_args: query.psArgs } },
    processTable,
    o,
    plainCallMs,
  )
}

/** One document per second with `stream` (the default), else one. The documents are the engine's own. */
export async function containerStats(
  engine: Engine,
  id: string,
  query: { readonly stream?: boolean; readonly oneShot?: boolean } = {},
  o?: CallOptions,
): Promise<AsyncIterable<unknown>> {
  const { stream = true, oneShot } = query
  const reply = await engine.request(
    { method: 'GET', path: containerPath(id, '/stats'), query: { stream, 'one-shot': oneShot }, stream: true },
    o,
  )
  return reply.documents()
}

/** Removes stopped containers that match. */
export function pruneContainers(
  engine: Engine,
  query: { readonly filters?: Filters } = {},
  o?: CallOptions,
): Promise<{ readonly ContainersDeleted: readonly string[] | null; readonly SpaceReclaimed: number }> {
  return callForJson(
    engine,
    { method: 'POST', path: '/containers/prune', query: { filters: renderFilters(query.filters) } },
    o,
    slowCallMs,
  )
}
