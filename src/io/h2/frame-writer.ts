import process from 'node:process'
import type { Duplex } from 'node:stream'
import { FLAG, FRAME, frameBytes, renderFrame } from './frame.ts'

/**
 * Writes frames. They are held to go together with those that follow in the same turn of the event loop: a frame alone may
 * be a few bytes. The stream stays its owner's.
 */
export class FrameWriter {
  readonly #socket: Duplex
  #isHolding = false

  constructor(socket: Duplex) {
    this.#socket = socket
  }

  /** True while what was written waits for the peer to take it; the stream tells of its end with `drain`. */
  get isFull(): boolean {
    return this.#socket.writableNeedDrain
  }

  /** Does nothing once the stream takes no more. */
  write(type: number, flags: number, stream: number, payload: Uint8Array): void {
    if (!this.#socket.writable) return
    if (!this.#isHolding) {
      this.#isHolding = true
      this.#socket.cork()
      process.nextTick(() => this.letGo())
    }
    this.#socket.write(renderFrame(type, flags, stream, payload))
  }

  /** A header block in as many frames as it takes. */
  writeHeaders(stream: number, block: Uint8Array, isLast: boolean): void {
    for (let at = 0; at === 0 || at < block.length; at += frameBytes) {
      const isEnd = at + frameBytes >= block.length
      const flags = (at === 0 && isLast ? FLAG.endStream : 0) | (isEnd ? FLAG.endHeaders : 0)
      const type = at === 0 ? FRAME.headers : FRAME.continuation
      this.write(type, flags, stream, block.subarray(at, at + frameBytes))
    }
  }

  /** Hands on what is held, now. */
  letGo(): void {
    if (!this.#isHolding) return
    this.#isHolding = false
    this.#socket.uncork()
  }
}
