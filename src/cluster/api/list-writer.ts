import { Buffer } from 'node:buffer'
import type { Exchange } from './http1/exchange.ts'

/** Bytes per write. Long enough that system calls do not count, short enough to be kept and used again. */
const blockBytes = 128 * 1024
/** The first write is short, so that the client can begin. */
const firstBytes = 16 * 1024
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
  #isReady = true

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** False when the client is slow: `drain` of the exchange comes first. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** @param text characters below 128 only */
  write(text: string): void {
    for (let from = 0; from < text.length;) {
      const room = Math.min(blockBytes, this.#limit) - 2 - this.#at
      const piece = text.length - from <= room ? (from === 0 ? text : text.slice(from)) : text.slice(from, from + room)
      this.#at += this.#block.write(piece, this.#at, 'latin1')
      from += piece.length
      if (from < text.length) this.flush()
    }
  }

  /** Hands over what has been written so far. */
  flush(): void {
    if (this.#at === headBytes) return
    const block = this.#block
    const end = this.#at
    this.#block = takeBlock()
    this.#at = headBytes
    this.#limit = blockBytes
    this.#isReady = this.#exchange.writeBlock(block, headBytes, end, () => giveBlock(block))
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
