import { Buffer } from 'node:buffer'

/** Where a reply is that comes in pieces. */
type Place = 'head' | 'size' | 'data' | 'data-end' | 'body' | 'done'

/**
 * Reads one HTTP reply with as little work as can be and hands on its body piece by piece, without the framing.
 * What comes behind the reply is not looked at.
 */
export class ReplyReader {
  readonly #onBody: (bytes: Buffer) => void
  #place: Place = 'head'
  #pending: Buffer = Buffer.alloc(0)
  #left = 0
  status = 0
  head = ''
  bodyBytes = 0

  constructor(onBody: (bytes: Buffer) => void) {
    this.#onBody = onBody
  }

  /** @returns true when the reply is complete */
  push(chunk: Buffer): boolean {
    let rest = chunk
    while (rest.length > 0 && this.#place !== 'done') rest = this.#step(rest)
    return this.#place === 'done'
  }

  #step(bytes: Buffer): Buffer {
    switch (this.#place) {
      case 'head':
        return this.#readHead(bytes)
      case 'size':
        return this.#readSize(bytes)
      case 'data-end':
        return this.#skip(bytes)
      default:
        return this.#readBody(bytes)
    }
  }

  #readHead(bytes: Buffer): Buffer {
    const all = Buffer.concat([this.#pending, bytes])
    const end = all.indexOf('\r\n\r\n')
    this.#pending = end < 0 ? all : Buffer.alloc(0)
    if (end < 0) return Buffer.alloc(0)
    this.head = all.toString('latin1', 0, end)
    this.status = Number(this.head.slice(9, 12))
    const isEmpty = this.status === 204 || this.status === 304
    this.#left = isEmpty ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(this.head)?.[1] ?? 0)
    if (/\r\ntransfer-encoding: *chunked/i.test(this.head)) this.#place = 'size'
    else this.#place = this.#left === 0 ? 'done' : 'body'
    return all.subarray(end + 4)
  }

  #readSize(bytes: Buffer): Buffer {
    const all = Buffer.concat([this.#pending, bytes])
    const end = all.indexOf('\r\n')
    this.#pending = end < 0 ? all : Buffer.alloc(0)
    if (end < 0) return Buffer.alloc(0)
    this.#left = Number.parseInt(all.toString('latin1', 0, end), 16)
    if (Number.isNaN(this.#left)) throw new Error(`no length of a chunk: ${all.toString('latin1', 0, end)}`)
    this.#place = this.#left > 0 ? 'data' : 'data-end'
    if (this.#left > 0) return all.subarray(end + 2)
    this.#left = -2
    return all.subarray(end + 2)
  }

  #readBody(bytes: Buffer): Buffer {
    const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes
    this.bodyBytes += part.length
    this.#left -= part.length
    this.#onBody(part)
    if (this.#left > 0) return Buffer.alloc(0)
    if (this.#place === 'body') this.#place = 'done'
    else {
      this.#place = 'data-end'
      this.#left = 2
    }
    return bytes.subarray(part.length)
  }

  /** The end of a line behind a chunk (a count above zero) or behind the last one (below). */
  #skip(bytes: Buffer): Buffer {
    const isLast = this.#left < 0
    const count = Math.min(Math.abs(this.#left), bytes.length)
    this.#left += isLast ? count : -count
    if (this.#left === 0) this.#place = isLast ? 'done' : 'size'
    return bytes.subarray(count)
  }
}

/** Counts a short text in bytes that come in pieces. */
export class Needle {
  readonly #text: Buffer
  #rest: Buffer = Buffer.alloc(0)
  found = 0

  constructor(text: string) {
    this.#text = Buffer.from(text)
  }

  look(piece: Buffer): void {
    const keep = this.#text.length - 1
    this.#count(Buffer.concat([this.#rest, piece.subarray(0, keep)]))
    this.#count(piece)
    this.#rest = Buffer.from(
      piece.length >= keep ? piece.subarray(-keep) : Buffer.concat([this.#rest, piece]).subarray(-keep),
    )
  }

  #count(bytes: Buffer): void {
    for (let at = bytes.indexOf(this.#text); at >= 0; at = bytes.indexOf(this.#text, at + this.#text.length)) {
      this.found += 1
    }
  }
}
