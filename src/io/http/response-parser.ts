import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'

/** Names are lower-case; a name that came several times is joined with commas. */
export type HttpHeaders = Readonly<Record<string, string | undefined>>

export interface ResponseHead {
  readonly status: number
  readonly reason: string
  readonly headers: HttpHeaders
  /** Whether the connection can carry another exchange after the body. */
  readonly isKeepAlive: boolean
  /** True when neither a length nor chunks say where the body ends. */
  readonly isUntilClose: boolean
}

/** Receives the parts of one response in order. */
export interface ResponseHandler {
  /** Returns `raw` when the connection leaves HTTP here: the parser stops and gives back the rest. */
  onHead(head: ResponseHead): 'body' | 'raw'
  onData(data: Buffer): void
  onEnd(): void
}

const maxHeadBytes = 64 * 1024
const maxLineBytes = 16 * 1024
const maxHeaders = 200
const headEnd = Buffer.from('\r\n\r\n')
const lineEnd = Buffer.from('\r\n')
const preamble = Buffer.from('HTTP/1.')
const nothing = Buffer.alloc(0)

type State = 'head' | 'length' | 'close' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailer' | 'done'

/**
 * Reads one HTTP/1 response from chunks of any size, strictly: framing that could be read in two ways is
 * an error. `push` throws `io/protocol` and `finish` `io/connect`, after which the connection is of no more use.
 *
 * Our own, because `node:http` hides the first bytes after an upgrade and behaves differently on Bun.
 */
export class ResponseParser {
  readonly #handler: ResponseHandler
  readonly #isHead: boolean
  #state: State = 'head'
  #held: Buffer = nothing
  #left = 0

  /** @param method decides whether a body can follow */
  constructor(method: string, handler: ResponseHandler) {
    this.#handler = handler
    this.#isHead = method === 'HEAD'
  }

  /** @returns what lies behind the response, once it is complete; undefined while more is expected */
  push(chunk: Buffer): Buffer | undefined {
    let rest = chunk
    if (this.#held.length > 0) {
      rest = Buffer.concat([this.#held, chunk])
      this.#held = nothing
    }
    while (this.#state !== 'done') {
      const next = this.#step(rest)
      if (next === undefined) return undefined
      rest = next
    }
    return rest
  }

  /** Tells that the peer has ended the connection. */
  finish(): void {
    if (this.#state === 'done') return
    if (this.#state !== 'close') {
      const where = this.#state === 'head' ? 'before it answered' : 'in the middle of its answer'
      throw new FlotillaError('io/connect', `the connection was closed ${where}`)
    }
    this.#state = 'done'
    this.#handler.onEnd()
  }

  /** @returns what is left to look at, or undefined when more bytes are needed */
  #step(input: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'head':
        return this.#readHead(input)
      case 'length':
      case 'chunk-data':
        return this.#readCounted(input)
      case 'close':
        if (input.length > 0) this.#handler.onData(input)
        return undefined
      default:
        return this.#readChunkLine(input)
    }
  }

  #readHead(input: Buffer): Buffer | undefined {
    const start = Math.min(input.length, preamble.length)
    if (preamble.compare(input, 0, start, 0, start) !== 0) {
      throw new FlotillaError('io/protocol', 'the peer does not speak HTTP')
    }
    const end = input.indexOf(headEnd)
    if (end > maxHeadBytes || (end === -1 && input.length > maxHeadBytes)) {
      throw new FlotillaError('io/protocol', `the head of the answer is longer than ${maxHeadBytes} bytes`)
    }
    if (end === -1) return this.#hold(input)
    const rest = input.subarray(end + headEnd.length)
    const head = parseHead(input.toString('latin1', 0, end), this.#isHead)
    // Interim answers (100 Continue, 103 Early Hints) come before the real one.
    if (head.status < 200 && head.status !== 101) return rest
    this.#state = this.#chooseBody(head)
    if (this.#handler.onHead(head) === 'raw') this.#state = 'done'
    else if (this.#state === 'done') this.#handler.onEnd()
    return rest
  }

  #chooseBody(head: ResponseHead): State {
    if (this.#isHead || isBodiless(head.status)) return 'done'
    if (head.headers['transfer-encoding'] !== undefined) return 'chunk-size'
    const length = head.headers['content-length']
    if (length === undefined) return 'close'
    this.#left = Number(length)
    return this.#left === 0 ? 'done' : 'length'
  }

  #readCounted(input: Buffer): Buffer | undefined {
    if (input.length === 0) return undefined
    const data = input.length <= this.#left ? input : input.subarray(0, this.#left)
    this.#left -= data.length
    if (this.#left > 0) {
      this.#handler.onData(data)
      return undefined
    }
    const isLast = this.#state === 'length'
    this.#state = isLast ? 'done' : 'chunk-end'
    this.#handler.onData(data)
    if (isLast) this.#handler.onEnd()
    return input.subarray(data.length)
  }

  #readChunkLine(input: Buffer): Buffer | undefined {
    const end = input.indexOf(lineEnd)
    if (end > maxLineBytes || (end === -1 && input.length > maxLineBytes)) {
      throw new FlotillaError('io/protocol', 'a chunk head of the answer is too long')
    }
    if (end === -1) return this.#hold(input)
    const rest = input.subarray(end + lineEnd.length)
    if (this.#state === 'chunk-end') {
      if (end !== 0) throw new FlotillaError('io/protocol', 'a chunk of the answer is longer than it said')
      this.#state = 'chunk-size'
    } else if (this.#state === 'trailer') {
      if (end === 0) {
        this.#state = 'done'
        this.#handler.onEnd()
      }
    } else {
      this.#left = parseChunkSize(input.toString('latin1', 0, end))
      this.#state = this.#left === 0 ? 'trailer' : 'chunk-data'
    }
    return rest
  }

  #hold(input: Buffer): undefined {
    this.#held = input
  }
}

function parseChunkSize(line: string): number {
  const match = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line)
  if (match === null) throw new FlotillaError('io/protocol', 'the answer has an invalid chunk size')
  return Number.parseInt(match[1] ?? '', 16)
}

/** Whatever the headers say (RFC 9112, 6.3). Engines answer most changes with a bare 204. */
function isBodiless(status: number): boolean {
  return status === 204 || status === 304 || status === 101
}

function parseHead(text: string, isHead: boolean): ResponseHead {
  const lines = text.split('\r\n')
  const match = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: (.*))?$/.exec(lines[0] ?? '')
  if (match === null) throw new FlotillaError('io/protocol', 'the answer has an invalid status line')
  if (lines.length - 1 > maxHeaders) {
    throw new FlotillaError('io/protocol', `the answer has more than ${maxHeaders} headers`)
  }
  const headers: Record<string, string | undefined> = Object.create(null)
  for (let index = 1; index < lines.length; index += 1) readHeader(lines[index] ?? '', headers)
  const status = Number(match[2])
  const isUntilClose = checkFraming(headers) && !isHead && !isBodiless(status)
  const connection = (headers['connection'] ?? '').toLowerCase()
  const isKeepAlive = match[1] === '1' ? !connection.includes('close') : connection.includes('keep-alive')
  return {
    status,
    reason: match[3] ?? '',
    headers,
    // A peer that has switched protocols does not come back.
    isKeepAlive: isKeepAlive && !isUntilClose && status !== 101,
    isUntilClose,
  }
}

function readHeader(line: string, headers: Record<string, string | undefined>): void {
  const colon = line.indexOf(':')
  const name = line.slice(0, colon).toLowerCase()
  if (colon < 1 || !/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) {
    throw new FlotillaError('io/protocol', 'the answer has an invalid header line')
  }
  const value = line.slice(colon + 1).trim()
  if (/[\0\r\n]/.test(value)) throw new FlotillaError('io/protocol', `the answer has an invalid header ${name}`)
  const before = headers[name]
  headers[name] = before === undefined ? value : `${before}, ${value}`
}

/** Refuses what two readers could frame differently. @returns whether the body ends with the connection */
function checkFraming(headers: HttpHeaders): boolean {
  const length = headers['content-length']
  const encoding = headers['transfer-encoding']
  if (encoding !== undefined && (encoding.toLowerCase() !== 'chunked' || length !== undefined)) {
    throw new FlotillaError('io/protocol', 'the answer has an unsupported transfer encoding')
  }
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) {
    throw new FlotillaError('io/protocol', 'the answer has an invalid content length')
  }
  return encoding === undefined && length === undefined
}
