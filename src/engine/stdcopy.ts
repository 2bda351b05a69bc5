import { Buffer } from 'node:buffer'
import { FlotillaError } from '../core/errors.ts'

/** A piece of what a container or an exec wrote. */
export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr'
  readonly data: Buffer
}

/** Takes framed output apart; fed with chunks of any size. */
export interface Demultiplexer {
  /**
   * @returns pieces in order; a long frame comes out in the pieces it came in, so that nothing is held back
   * @throws {engine/protocol} for bytes that are no frame head
   * @throws {engine/server} when the engine reports a failure inside the stream
   */
  push(chunk: Buffer): readonly OutputChunk[]
  /** @throws {engine/protocol} when the stream ended inside a frame */
  end(): void
}

/** Frame head: stream number, three zero bytes, length as big-endian 32-bit number. */
const HEAD_BYTES = 8
/** Frames of this stream carry an error of the engine itself (moby pkg/stdcopy: Systemerr). */
const SYSTEM_STREAM = 3
const maxErrorBytes = 64 * 1024

/** A demultiplexer at the start of a stream. Pure: it holds bytes, nothing else. */
export function makeDemultiplexer(): Demultiplexer {
  const head = Buffer.alloc(HEAD_BYTES)
  let headBytes = 0
  let left = 0
  let stream = 0
  let failure: Buffer[] = []
  let failureBytes = 0

  function readHead(): void {
    stream = head[0] ?? 0
    if (stream > SYSTEM_STREAM || head[1] !== 0 || head[2] !== 0 || head[3] !== 0) {
      throw new FlotillaError('engine/protocol', `unexpected bytes ${head.toString('hex')} where a frame head belongs`)
    }
    left = head.readUInt32BE(4)
  }

  function take(data: Buffer, out: OutputChunk[]): void {
    left -= data.length
    if (stream !== SYSTEM_STREAM) {
      // Stream 0 is the echo of stdin; moby's own reader writes it to stdout.
      if (data.length > 0) out.push({ stream: stream === 2 ? 'stderr' : 'stdout', data })
      return
    }
    if (failureBytes < maxErrorBytes) failure.push(data.subarray(0, maxErrorBytes - failureBytes))
    failureBytes += data.length
    if (left > 0) return
    const text = Buffer.concat(failure).toString('utf8').trim()
    failure = []
    failureBytes = 0
    throw new FlotillaError('engine/server', `error from daemon in stream: ${text}`)
  }

  return {
    push(chunk) {
      const out: OutputChunk[] = []
      let at = 0
      while (at < chunk.length) {
        if (headBytes < HEAD_BYTES) {
          const copied = chunk.copy(head, headBytes, at, at + HEAD_BYTES - headBytes)
          headBytes += copied
          at += copied
          if (headBytes < HEAD_BYTES) break
          readHead()
        }
        const data = chunk.subarray(at, at + left)
        at += data.length
        take(data, out)
        if (left === 0) headBytes = 0
      }
      return out
    },
    end() {
      if (headBytes > 0) {
        throw new FlotillaError('engine/protocol', 'the output ended in the middle of a frame')
      }
    },
  }
}

/** One frame, as an engine writes it. Used by endpoints that speak for an engine. */
export function renderFrame(stream: OutputChunk['stream'], data: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + data.length)
  frame.writeUInt32BE(stream === 'stderr' ? 0x0200_0000 : 0x0100_0000, 0)
  frame.writeUInt32BE(data.length, 4)
  data.copy(frame, HEAD_BYTES)
  return frame
}
