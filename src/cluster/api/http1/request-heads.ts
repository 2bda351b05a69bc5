import { Buffer } from 'node:buffer'
import type { ConnectionLimits } from '../../limits.ts'
import { parseRequestHead, protocolProblem } from './head.ts'
import type { RequestHead } from './head.ts'

/** Longest request head that is compared with the next one of its connection. */
const keptHeadLength = 16 * 1024
const blankLine = Buffer.from('\r\n\r\n')

/**
 * Finds the heads of requests in the bytes of one connection. Clients that ask the same again and again send the same
 * bytes: what they mean is kept.
 */
export class RequestHeads {
  readonly #limits: ConnectionLimits
  #lastText = ''
  #lastHead: RequestHead | undefined
  #end = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** The offset behind the head that was read last. */
  get end(): number {
    return this.#end
  }

  /**
   * The head that `bytes` begin with.
   * @returns undefined while it is not complete
   * @throws {io/protocol} with the status to answer
   */
  read(bytes: Buffer): RequestHead | undefined {
    // One empty line before a request is tolerated (RFC 9112 §2.2).
    const from = bytes[0] === 13 && bytes[1] === 10 ? 2 : 0
    const end = bytes.indexOf(blankLine, from)
    const { headBytes } = this.#limits
    if (end < 0 ? bytes.length >= headBytes : end - from > headBytes)
      throw protocolProblem('request head too long', 431)
    if (end < 0) return undefined
    this.#end = end + blankLine.length
    return this.#parse(bytes.toString('latin1', from, end))
  }

  #parse(text: string): RequestHead {
    if (this.#lastHead !== undefined && text === this.#lastText) return this.#lastHead
    const head = parseRequestHead(text, this.#limits.headers)
    // One that is long is rare, and would be kept for as long as the connection is idle.
    const isKept = text.length <= keptHeadLength
    this.#lastText = isKept ? text : ''
    this.#lastHead = isKept ? head : undefined
    return head
  }
}
