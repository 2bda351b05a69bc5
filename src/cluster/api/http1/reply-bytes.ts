import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'

/*
 * How replies go over the wire, in as few pieces as the system can take them in. When something is written, and whether
 * anything may be, is for the exchange to know.
 */

/** With its head, what Node writes without memory of its own. */
const joinedLimit = 15 * 1024
/** A chunk up to this size is copied together with its framing. */
const joinedChunkLimit = 8 * 1024
const crlf = Buffer.from('\r\n')
const lastChunk = Buffer.from('0\r\n\r\n')

/** The bytes that a body of one text or several pieces takes. */
export function countBytes(body: string | readonly Buffer[]): number {
  if (typeof body === 'string') return Buffer.byteLength(body)
  let bytes = 0
  for (const piece of body) bytes += piece.length
  return bytes
}

/**
 * A head and `length` bytes of body in one system call. Short replies as one text of bytes: Node sends that from its
 * stack, which costs far less than a list of buffers, or one joined buffer that the collector has to free.
 */
export function writeWhole(socket: Socket, head: string, body: string | readonly Buffer[], length: number): void {
  if (length === 0) {
    socket.write(head, 'latin1')
  } else if (typeof body === 'string') {
    socket.write(head + body)
  } else if (length <= joinedLimit) {
    let text = head
    for (const piece of body) text += piece.toString('latin1')
    socket.write(text, 'latin1')
  } else {
    socket.cork()
    socket.write(head, 'latin1')
    for (const piece of body) socket.write(piece)
    socket.uncork()
  }
}

/** One chunk of a body. @returns false when the client is slow */
export function writeChunk(socket: Socket, bytes: Buffer): boolean {
  const size = `${bytes.length.toString(16)}\r\n`
  if (bytes.length <= joinedChunkLimit) return socket.write(Buffer.concat([Buffer.from(size), bytes, crlf]))
  socket.cork()
  socket.write(size)
  socket.write(bytes)
  const isReady = socket.write(crlf)
  socket.uncork()
  return isReady
}

/** Ends a body of chunks. */
export function writeLastChunk(socket: Socket): void {
  socket.write(lastChunk)
}

/** A part of a block as one chunk: its framing is put into the ten bytes in front of `from` and the two behind `end`. */
export function frameChunk(block: Buffer, from: number, end: number): Buffer {
  const size = `${(end - from).toString(16)}\r\n`
  const start = from - size.length
  block.write(size, start, 'latin1')
  block.write('\r\n', end, 'latin1')
  return block.subarray(start, end + 2)
}

/** The status of a head as it goes over the wire: `HTTP/1.1 200 …`. */
export function statusIn(head: Buffer): number {
  return ((head[9] ?? 48) - 48) * 100 + ((head[10] ?? 48) - 48) * 10 + ((head[11] ?? 48) - 48)
}
