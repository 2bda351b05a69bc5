import type { Buffer } from 'node:buffer'
import { Message, MessageWriter } from '../../core/protobuf.ts'

/** Messages of `moby.buildkit.v1.Control` (moby/buildkit api/services/control/control.proto), as far as they are used. */

/** Where layers are looked for, or put, by kind (`registry`, `inline`, …). */
export interface CacheEntry {
  readonly type: string
  readonly attributes: Readonly<Record<string, string>>
}

/** One build as the builder takes it. */
export interface SolveRequest {
  readonly ref: string
  readonly session: string
  readonly frontend: string
  readonly attributes: Readonly<Record<string, string>>
  readonly exporter: string
  readonly exporterAttributes: Readonly<Record<string, string>>
  readonly entitlements: readonly string[]
  readonly cacheImports: readonly CacheEntry[]
  readonly cacheExports: readonly CacheEntry[]
}

export function renderSolveRequest(request: SolveRequest): Buffer {
  const cache = new MessageWriter()
  for (const entry of request.cacheExports) cache.putBytes(4, renderCacheEntry(entry))
  for (const entry of request.cacheImports) cache.putBytes(5, renderCacheEntry(entry))
  return new MessageWriter()
    .put(1, request.ref)
    .put(3, request.exporter)
    .putMap(4, request.exporterAttributes)
    .put(5, request.session)
    .put(6, request.frontend)
    .putMap(7, request.attributes)
    .putBytes(8, cache.finish())
    .putAll(9, request.entitlements)
    .finish()
}

function renderCacheEntry({ type, attributes }: CacheEntry): Buffer {
  return new MessageWriter().put(1, type).putMap(2, attributes).finish()
}

/** What the exporter says of its product: `containerimage.digest` and the like. */
export function parseSolveResponse(data: Buffer): ReadonlyMap<string, string> {
  return new Message(data).map(1)
}

export function renderStatusRequest(ref: string): Buffer {
  return new MessageWriter().put(1, ref).finish()
}

/** One step of a build. Events of the same digest replace each other. */
export interface Vertex {
  readonly digest: string
  readonly name: string
  readonly isCached: boolean
  /** Milliseconds since 1970; absent: not yet. */
  readonly startedMs?: number
  readonly completedMs?: number
  readonly error: string
}

/** Something countable within a step: bytes of a layer, of a transfer. */
export interface VertexStatus {
  readonly id: string
  readonly vertex: string
  readonly current: number
  readonly total: number
}

/** A piece of a step's output, not always of whole lines nor of whole characters. */
export interface VertexLog {
  readonly vertex: string
  readonly data: Buffer
}

export interface VertexWarning {
  readonly vertex: string
  readonly text: string
}

export interface StatusEvent {
  readonly vertexes: readonly Vertex[]
  readonly statuses: readonly VertexStatus[]
  readonly logs: readonly VertexLog[]
  readonly warnings: readonly VertexWarning[]
}

/** @throws {io/protocol} */
export function parseStatus(data: Buffer): StatusEvent {
  const message = new Message(data)
  return {
    vertexes: message.messages(1).map(toVertex),
    statuses: message.messages(2).map((entry) => ({
      id: entry.text(1),
      vertex: entry.text(2),
      current: entry.number(4),
      total: entry.number(5),
    })),
    logs: message.messages(3).map((entry) => ({ vertex: entry.text(1), data: entry.bytes(4) })),
    warnings: message.messages(4).map((entry) => ({ vertex: entry.text(1), text: entry.text(3) })),
  }
}

function toVertex(entry: Message): Vertex {
  const startedMs = entry.has(5) ? toMs(entry.bytes(5)) : undefined
  const completedMs = entry.has(6) ? toMs(entry.bytes(6)) : undefined
  return {
    digest: entry.text(1),
    name: entry.text(3),
    isCached: entry.number(4) !== 0,
    ...(startedMs !== undefined && { startedMs }),
    ...(completedMs !== undefined && { completedMs }),
    error: entry.text(7),
  }
}

function toMs(data: Buffer): number {
  const time = new Message(data)
  return time.number(1) * 1000 + time.number(2) / 1_000_000
}
