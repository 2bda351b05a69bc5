import type { Buffer } from 'node:buffer'
import { Message, MessageWriter } from '../../core/protobuf.ts'

/** Messages of `containerd.services.content.v1.Content` (containerd api/services/content/v1/content.proto), as far as they are used. */

/** What is to be done with a blob that is being written. */
export const WRITE = { stat: 0, write: 1, commit: 2 } as const

export interface ContentInfo {
  readonly digest: string
  readonly bytes: number
  readonly modifiedMs: number
}

/** One message of a write. */
export interface WriteRequest {
  readonly action: number
  /** Names the write; later messages of one write may leave it out. */
  readonly ref: string
  /** Bytes it is to have in the end; 0: it does not say. */
  readonly total: number
  /** The digest it is to have in the end; empty: it does not say. */
  readonly expected: string
  readonly offset: number
  readonly data: Buffer
}

/** How far a write is. */
export interface WriteState {
  readonly startedMs: number
  readonly updatedMs: number
  readonly offset: number
  readonly total: number
  readonly digest: string
}

export function renderInfo({ digest, bytes, modifiedMs }: ContentInfo): Buffer {
  const time = renderTime(modifiedMs)
  return new MessageWriter().put(1, digest).put(2, bytes).putBytes(3, time).putBytes(4, time).finish()
}

export function renderInfoResponse(info: ContentInfo): Buffer {
  return new MessageWriter().putBytes(1, renderInfo(info)).finish()
}

export function renderListResponse(infos: readonly ContentInfo[]): Buffer {
  const writer = new MessageWriter()
  for (const info of infos) writer.putBytes(1, renderInfo(info))
  return writer.finish()
}

export function renderReadResponse(offset: number, data: Uint8Array): Buffer {
  return new MessageWriter().put(1, offset).put(2, data).finish()
}

/** @throws {io/protocol} */
export function parseReadRequest(message: Buffer): {
  readonly digest: string
  readonly offset: number
  readonly bytes: number
} {
  const request = new Message(message)
  return { digest: request.text(1), offset: Math.max(0, request.number(2)), bytes: Math.max(0, request.number(3)) }
}

/** @throws {io/protocol} */
export function parseWriteRequest(message: Buffer): WriteRequest {
  const request = new Message(message)
  return {
    action: request.number(1),
    ref: request.text(2),
    total: request.number(3),
    expected: request.text(4),
    offset: request.number(5),
    data: request.bytes(6),
  }
}

export function renderWriteResponse(action: number, state: WriteState): Buffer {
  return new MessageWriter()
    .put(1, action)
    .putBytes(2, renderTime(state.startedMs))
    .putBytes(3, renderTime(state.updatedMs))
    .put(4, state.offset)
    .put(5, state.total)
    .put(6, state.digest)
    .finish()
}

export function renderStatus(ref: string, state: WriteState): Buffer {
  return new MessageWriter()
    .putBytes(1, renderTime(state.startedMs))
    .putBytes(2, renderTime(state.updatedMs))
    .put(3, ref)
    .put(4, state.offset)
    .put(5, state.total)
    .finish()
}

function renderTime(ms: number): Buffer {
  return new MessageWriter()
    .put(1, Math.floor(ms / 1000))
    .put(2, Math.floor(ms % 1000) * 1_000_000)
    .finish()
}
