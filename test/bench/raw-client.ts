import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface RawReply {
  readonly status: number
  readonly bytes: number
  /** Up to the first byte of the reply, and up to the last. */
  readonly firstMs: number
  readonly ms: number
  /** Left out for replies that are only counted. */
  readonly body: string
}

const END = Buffer.from('0\r\n\r\n')

/** One kept-alive connection that asks one thing after the other with as little work as can be. */
export class RawClient {
  readonly #socket: Socket
  #onData: ((chunk: Buffer) => void) | undefined
  #onGone: ((error: Error) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#onData?.(chunk))
    socket.on('error', (error) => this.#onGone?.(error))
    socket.on('close', () => this.#onGone?.(new Error('the connection was closed')))
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new RawClient(socket)))
    })
  }

  close(): void {
    this.#onGone = undefined
    this.#socket.destroy()
  }

  /** @param isCounted the body is not kept */
  ask(method: string, path: string, body = '', isCounted = false): Promise<RawReply> {
    const start = performance.now()
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = []
      let bytes = 0
      let firstMs = 0
      let head: { readonly status: number; readonly end: number; readonly length: number } | undefined
      let tail: Buffer = Buffer.alloc(0)
      this.#onGone = reject
      this.#onData = (chunk) => {
        if (bytes === 0) firstMs = performance.now() - start
        bytes += chunk.length
        if (!isCounted || head === undefined) parts.push(chunk)
        if (head === undefined) head = readHead(Buffer.concat(parts))
        if (head === undefined) return
        tail = chunk.length >= END.length ? chunk.subarray(-END.length) : Buffer.concat([tail, chunk]).subarray(-5)
        if (head.length >= 0 ? bytes < head.end + head.length : !tail.equals(END)) return
        this.#onData = undefined
        const text = isCounted ? '' : readBody(Buffer.concat(parts).subarray(head.end), head.length < 0)
        resolve({ status: head.status, bytes: bytes - head.end, firstMs, ms: performance.now() - start, body: text })
      }
      const type = body === '' ? '' : 'Content-Type: application/json\r\n'
      const length = method === 'GET' ? '' : `${type}Content-Length: ${body.length}\r\n`
      this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: docker\r\n${length}\r\n${body}`, 'latin1')
    })
  }
}

/** A length of -1 stands for chunks. */
function readHead(bytes: Buffer): { status: number; end: number; length: number } | undefined {
  const at = bytes.indexOf('\r\n\r\n')
  if (at < 0) return undefined
  const text = bytes.toString('latin1', 0, at)
  const status = Number(text.slice(9, 12))
  const isChunked = /\r\ntransfer-encoding: *chunked/i.test(text)
  const length = isChunked ? -1 : Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
  return { status, end: at + 4, length: status === 204 || status === 304 ? 0 : length }
}

function readBody(bytes: Buffer, isChunked: boolean): string {
  if (!isChunked) return bytes.toString('utf8')
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const length = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    if (!(length > 0)) return Buffer.concat(parts).toString('utf8')
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
}
