import type { Buffer } from 'node:buffer'
import { protocolProblem } from './head.ts'

const LF = 10
const CR = 13
const SEMICOLON = 59
/** Sizes up to 2^48; more is an attack on the arithmetic. */
const sizeDigitLimit = 12
const extensionLimit = 1024
const trailerLimit = 8 * 1024

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'done'

function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/**
 * Follows a chunked body through arbitrary slices of it, strictly: CR LF everywhere, hexadecimal sizes, bounded
 * extensions and trailers. What lies inside the chunks goes to `onData` without copying; trailers are dropped.
 */
export class ChunkedReader {
  readonly #onData: ((data: Buffer) => void) | undefined
  #state: State = 'size'
  #size = 0
  #digits = 0
  #skipped = 0
  /** Bytes of the trailer line under way, to tell the empty line. */
  #lineLength = 0

  constructor(onData?: (data: Buffer) => void) {
    this.#onData = onData
  }

  get isDone(): boolean {
    return this.#state === 'done'
  }

  /**
   * Reads on from `from`.
   * @returns the offset behind the last byte that belongs to this body
   * @throws {io/protocol}
   */
  read(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const end = Math.min(chunk.length, at + this.#size)
        this.#onData?.(chunk.subarray(at, end))
        this.#size -= end - at
        at = end
        if (this.#size === 0) this.#state = 'data-cr'
      } else {
        this.#step(chunk[at] ?? 0)
        at += 1
      }
    }
    return at
  }

  #step(byte: number): void {
    switch (this.#state) {
      case 'size':
        this.#readSize(byte)
        return
      case 'extension':
        this.#skipped += 1
        if (this.#skipped > extensionLimit || byte === LF) throw protocolProblem('malformed chunk extension')
        if (byte === CR) this.#state = 'size-lf'
        return
      case 'size-lf':
        if (byte !== LF) throw protocolProblem('malformed chunk size line')
        this.#state = this.#size === 0 ? 'trailer' : 'data'
        this.#digits = 0
        this.#skipped = 0
        return
      case 'data-cr':
        if (byte !== CR) throw protocolProblem('chunk is longer than its size')
        this.#state = 'data-lf'
        return
      case 'data-lf':
        if (byte !== LF) throw protocolProblem('chunk is longer than its size')
        this.#state = 'size'
        return
      case 'trailer':
        this.#skipTrailer(byte)
        return
      default:
    }
  }

  #readSize(byte: number): void {
    const value = hexValue(byte)
    if (value >= 0) {
      this.#digits += 1
      if (this.#digits > sizeDigitLimit) throw protocolProblem('chunk size too large')
      this.#size = this.#size * 16 + value
      return
    }
    if (this.#digits === 0) throw protocolProblem('malformed chunk size')
    if (byte === CR) this.#state = 'size-lf'
    else if (byte === SEMICOLON) this.#state = 'extension'
    else throw protocolProblem('malformed chunk size')
  }

  #skipTrailer(byte: number): void {
    this.#skipped += 1
    if (this.#skipped > trailerLimit) throw protocolProblem('trailers too long')
    if (byte === LF) {
      if (this.#lineLength === 1) this.#state = 'done'
      this.#lineLength = 0
      return
    }
    this.#lineLength += 1
    // The empty line is CR LF: a line of one byte must be that CR.
    if (this.#lineLength === 1 && byte !== CR) this.#lineLength = 2
  }
}
