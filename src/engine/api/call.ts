import type { CallOptions } from '../../core/call.ts'
import { withDefaultDeadline } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Engine, EngineRequest } from '../engine.ts'
import { invalidAnswer } from '../errors.ts'
import { findMisfit } from '../shape.ts'
import type { Shape } from '../shape.ts'
import type { Filters } from './types.ts'

/** How long a plain call may take when the caller sets no limit. */
export const plainCallMs = 30_000
/** Creating may extract layers and talk to plug-ins. */
export const createCallMs = 120_000
/** Stopping waits for a grace time that only the container knows. */
export const slowCallMs: number = 15 * 60_000
/** A transfer of any size may go on for as long as bytes move at least this often. */
export const transferIdleMs = 60_000

/** The `filters` query; undefined leaves it out. */
export function renderFilters(filters: Filters | undefined): string | undefined {
  if (filters === undefined || Object.keys(filters).length === 0) return undefined
  return JSON.stringify(filters)
}

/** A call whose answer is one JSON value. */
export async function callForJson<T>(
  engine: Engine,
  request: EngineRequest,
  o: CallOptions | undefined,
  deadlineMs: number = plainCallMs,
): Promise<T> {
  const reply = await engine.request(request, withDefaultDeadline(o, deadlineMs))
  return reply.json<T>()
}

/**
 * A call whose answer is one JSON value of a shape.
 *
 * @throws {engine/protocol} naming the engine, the call and what is wrong, when it is of another one
 */
export async function callForShape<T>(
  engine: Engine,
  request: EngineRequest,
  shape: Shape,
  o: CallOptions | undefined,
  deadlineMs: number = plainCallMs,
): Promise<T> {
  const value = await callForJson<T>(engine, request, o, deadlineMs)
  return asShape(engine, request, value, shape)
}

/** The value, when it is of the shape that the answer to a request has to have. @throws {engine/protocol} */
export function asShape<T>(engine: Engine, request: EngineRequest, value: T, shape: Shape): T {
  const misfit = findMisfit(value, shape)
  if (misfit === undefined) return value
  throw invalidAnswer(engine.endpoint, `${request.method} ${request.path}: ${misfit}`)
}

/** A call whose answer is of no interest beyond its success. Resolves to the status. */
export async function callForStatus(
  engine: Engine,
  request: EngineRequest,
  o: CallOptions | undefined,
  deadlineMs: number = plainCallMs,
): Promise<number> {
  const reply = await engine.request(request, withDefaultDeadline(o, deadlineMs))
  await reply.bytes()
  return reply.status
}

/**
 * A container, network, volume or exec reference as one path segment.
 *
 * @throws {engine/bad-request} for text that would turn the path into another one
 */
export function escapeSegment(reference: string): string {
  if (reference === '' || reference === '.' || reference === '..') {
    throw new FlotillaError('engine/bad-request', `invalid reference ${JSON.stringify(reference)}`, { status: 400 })
  }
  return encodeURIComponent(reference)
}

/** An image reference, whose slashes are part of the path. */
export function escapeImage(reference: string): string {
  const segments = reference.split('/').map((segment) => escapeSegment(segment))
  return segments.join('/').replaceAll('%3A', ':').replaceAll('%40', '@')
}
