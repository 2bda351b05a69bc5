import type { Buffer } from 'node:buffer'
import { encodeName } from '../../core/odd-name.ts'
import { Message, MessageWriter } from '../../core/protobuf.ts'

/** Packets by which a folder goes to the builder (tonistiigi/fsutil types/wire.proto, types/stat.proto). */

export const PACKET = { stat: 0, request: 1, data: 2, end: 3, error: 4 } as const

/** One file as the builder sees it. */
export interface FileStat {
  /** From the top of the folder, `/` between its elements. */
  readonly path: string
  /** Permission bits and kind, as Go's `os.FileMode` numbers them. */
  readonly mode: number
  readonly sizeBytes: number
  readonly modifiedNs: bigint
  /** Target of a symbolic link; for a file: the path of which it is another name. */
  readonly link?: string
  readonly deviceMajor?: number
  readonly deviceMinor?: number
}

/** Owners are left at 0: a build does not depend on who checked the files out (docker/cli does the same). */
export function renderStatPacket(stat: FileStat): Buffer {
  const inner = new MessageWriter()
    .put(1, encodeName(stat.path))
    .put(2, stat.mode)
    .put(5, stat.sizeBytes)
    .put(6, stat.modifiedNs)
    .put(7, stat.link === undefined ? undefined : encodeName(stat.link))
    .put(8, stat.deviceMajor)
    .put(9, stat.deviceMinor)
    .finish()
  return new MessageWriter().put(1, PACKET.stat).putBytes(2, inner).finish()
}

/** No more files. */
export function renderLastStat(): Buffer {
  return new MessageWriter().put(1, PACKET.stat).finish()
}

/** A piece of a file; without bytes: its end. */
export function renderDataPacket(id: number, bytes?: Uint8Array): Buffer {
  const writer = new MessageWriter().put(1, PACKET.data).put(3, id)
  return (bytes === undefined || bytes.length === 0 ? writer : writer.putBytes(4, bytes)).finish()
}

export function renderEndPacket(): Buffer {
  return new MessageWriter().put(1, PACKET.end).finish()
}

export function renderErrorPacket(text: string): Buffer {
  return new MessageWriter().put(1, PACKET.error).put(4, text).finish()
}

/** What the builder answers: which file it wants, that it has all, or why it gives up. */
export interface ReceivedPacket {
  readonly type: number
  readonly id: number
  readonly text: string
}

/** @throws {io/protocol} */
export function parsePacket(data: Buffer): ReceivedPacket {
  const message = new Message(data)
  return { type: message.number(1), id: message.number(3), text: message.text(4) }
}
