import { Buffer } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'
import type { Exchange } from './http1/exchange.ts'

/** Bytes per write. Long enough that system calls do not count, short enough to be kept and used again. */
const blockBytes = 128 * 1024
/** The first write is short, so that the client can begin. */
const firstBytes = 16 * 1024
/** After so many bytes other requests get their turn; a few milliseconds' work. */
const turnBytes = 1024 * 1024
/** Up to this length a loop is quicker than the call that copies. */
const shortLength = 64
/** Room for the length in front of a chunk: eight digits and the end of their line. */
const headBytes = 10

/** Blocks that are free; memory that is touched for the first time costs more than what is written into it. */
const free: Buffer[] = []
const maxFree = 8

/**
 * Writes a long reply piece by piece in ASCII, in blocks of memory that are used again. The exchange must have begun with
 * `startStream`.
 */
export class ListWriter {
  readonly #exchange: Exchange
  #block: Buffer = takeBlock()
  #at = headBytes
  #limit = firstBytes
  /** Bytes since others had their turn. */
  #turn = 0
  #isReady = true

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** False when the client is slow, or others wait for their turn: `drain` comes first. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Resolves when the client has read enough, or has gone, and others had their turn. */
  async drain(): Promise<void> {
    await this.#exchange.drain()
    await setImmediate()
    this.#turn = 0
    this.#isReady = true
  }

  /** @param text characters below 128 only */
  write(text: string): void {
    let rest = text
    for (let room = this.#room(); rest.length > room; room = this.#room()) {
      this.#put(rest.slice(0, room))
      this.flush()
      rest = rest.slice(room)
    }
    this.#put(rest)
  }

  #room(): number {
    return Math.min(blockBytes, this.#limit) - 2 - this.#at
  }

  #put(text: string): void {
    if (text.length > shortLength) {
      this.#at += this.#block.write(text, this.#at, 'latin1')
      return
    }
    for (let index = 0; index < text.length; index += 1) this.#block[this.#at + index] = text.charCodeAt(index)
    this.#at += text.length
  }

  /** Hands over what has been written so far. */
  flush(): void {
    if (this.#at === headBytes) return
    const block = this.#block
    const end = this.#at
    this.#turn += end
    const isTaken = this.#exchange.writeBlock(block, headBytes, end, () => giveBlock(block))
    this.#isReady = isTaken && this.#turn < turnBytes
    // Most often the same block, still in the cache of the processor.
    this.#block = takeBlock()
    this.#at = headBytes
    this.#limit = blockBytes
  }

  /** Hands over the rest, and the reply is complete. */
  end(): void {
    this.flush()
    giveBlock(this.#block)
    this.#exchange.end()
  }
}

function takeBlock(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
}

function giveBlock(block: Buffer): void {
  if (free.length < maxFree) free.push(block)
}
