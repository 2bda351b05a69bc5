import { Buffer } from 'node:buffer'
import type { CallOptions } from '../../core/call.ts'
import { startDeadline, throwIfAborted, toAbortError, withDefaultDeadline } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { joinHostPort } from '../dial.ts'
import type { HttpConnection, HttpResponse } from '../http/connection.ts'
import { HttpPool } from '../http/pool.ts'
import type { HttpHeaders } from '../http/response-parser.ts'
import type { StoreEndpoint } from './address.ts'
import { openStoreSocket } from './open-socket.ts'
import { callLimitMs } from './store-options.ts'
import type { StoreOptions } from './store-options.ts'

/** One request to a store. */
export interface StoreRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Path and query, escaped. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Whether sending it twice does what sending it once does: then a broken connection or a silent server is passed over. */
  readonly isRepeatable: boolean
  /** The server was asked to keep the answer back for so long. Default 0. */
  readonly heldMs?: number
}

export interface StoreReply {
  /** Who answered. */
  readonly server: StoreEndpoint
  readonly status: number
  readonly headers: HttpHeaders
  readonly text: string
}

/** What a store may answer at most: a folder with a few huge values in it is still read. */
const replyLimitBytes = 64 * 1024 * 1024
/** Time to connect to one server, and to wait for its answer while there are others to ask. */
const connectLimitMs = 3000
const attemptLimitMs = 5000

interface Server {
  readonly endpoint: StoreEndpoint
  readonly pool: HttpPool
}

/** HTTP to the servers of one store: the one that answered last is asked first. */
export class StoreHttp {
  readonly #options: StoreOptions
  readonly #kind: string
  /** In the order in which they are asked. */
  #servers: readonly Server[]

  /** @param kind for messages: `etcd` */
  constructor(kind: string, options: StoreOptions) {
    this.#kind = kind
    this.#options = options
    const { clock, endpoints, tls } = options
    this.#servers = endpoints.map((endpoint) => ({
      endpoint,
      pool: new HttpPool({ clock, open: (signal) => openStoreSocket(endpoint, tls, signal) }),
    }))
  }

  get name(): string {
    return `${this.#kind} ${this.#options.endpoints.map(joinHostPort).join(',')}`
  }

  /** One exchange whose answer is read whole. Any status is an answer. */
  async request(request: StoreRequest, o?: CallOptions): Promise<StoreReply> {
    const { heldMs = 0 } = request
    const limited = withDefaultDeadline(o, heldMs + callLimitMs)
    return this.#withDeadline(limited, async (signal) => {
      const limitMs = Math.min(heldMs + attemptLimitMs, (limited.deadlineMs ?? callLimitMs) / 2)
      const tried = new Set<Server>()
      let failure: unknown
      for (let server = this.#next(tried); server !== undefined; server = this.#next(tried)) {
        throwIfAborted(signal)
        tried.add(server)
        const isLast = tried.size === this.#servers.length || !request.isRepeatable
        try {
          return await this.#attempt(server, request, isLast ? undefined : limitMs, signal)
        } catch (error) {
          failure = error
          // That its caller no longer wants the answer says nothing about the server.
          if (o?.signal?.aborted === true) break
          this.#passOver(server)
          if (isLast && !isUnsent(error)) break
        }
      }
      throw this.#toError(failure, signal)
    })
  }

  /**
   * An exchange whose answer goes on: the pieces of its body as they come. Ends with the body, rejects with
   * `io/connect` when the connection breaks, and with the signal's reason.
   */
  async *stream(request: StoreRequest, signal: AbortSignal): AsyncGenerator<Buffer, void> {
    const { response, connection } = await this.#withDeadline({ signal, deadlineMs: callLimitMs }, (limit) =>
      this.#exchangeFresh(this.#first, request, limit),
    )
    function stop(): void {
      connection.destroy(toAbortError(signal))
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    try {
      if (response.head.status !== 200) {
        const text = (await response.body.collect(replyLimitBytes)).toString()
        throw this.nonsense(response.head.status, text)
      }
      for await (const piece of response.body.stream as AsyncIterable<Buffer>) yield piece
    } catch (error) {
      throw this.#toError(error, signal)
    } finally {
      signal.removeEventListener('abort', stop)
      connection.destroy(new FlotillaError('core/aborted', 'the answer is not wanted any more'))
    }
  }

  /** Asks another server first the next time: the one that answered said it cannot work. */
  passOver({ server: { host, port } }: StoreReply): void {
    const server = this.#first
    if (server.endpoint.host === host && server.endpoint.port === port) this.#passOver(server)
  }

  /** What an answer nobody can make sense of is reported as. */
  nonsense(status: number, text: string): FlotillaError {
    const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text
    return new FlotillaError('io/protocol', `${this.name} answered status ${status}: ${JSON.stringify(shown.trim())}`)
  }

  close(): void {
    for (const { pool } of this.#servers) pool.close()
  }

  async #attempt(
    server: Server,
    request: StoreRequest,
    limitMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<StoreReply> {
    const o = { ...(signal === undefined ? {} : { signal }), ...(limitMs === undefined ? {} : { deadlineMs: limitMs }) }
    return this.#withDeadline(o, async (limit) => {
      const { response, connection } = await this.#exchange(server, request, limit)
      const body = await guard(connection, limit, () => response.body.collect(replyLimitBytes))
      const { status, headers } = response.head
      return { server: server.endpoint, status, headers, text: body.toString('utf8') }
    })
  }

  async #exchange(server: Server, request: StoreRequest, signal: AbortSignal | undefined) {
    const idle = request.isRepeatable ? server.pool.takeIdle() : undefined
    if (idle === undefined) return this.#exchangeFresh(server, request, signal)
    try {
      return { response: await guard(idle, signal, () => idle.send(render(server, request))), connection: idle }
    } catch (error) {
      // The server closed it while it was idle.
      if (idle.hasAnswered || signal?.aborted === true) throw error
      return this.#exchangeFresh(server, request, signal)
    }
  }

  async #exchangeFresh(
    server: Server,
    request: StoreRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ response: HttpResponse; connection: HttpConnection }> {
    const o = { ...(signal === undefined ? {} : { signal }), deadlineMs: connectLimitMs }
    let connection: HttpConnection
    try {
      connection = await this.#withDeadline(o, (limit) => server.pool.open(limit))
    } catch (error) {
      throw new UnsentError(error)
    }
    return { response: await guard(connection, signal, () => connection.send(render(server, request))), connection }
  }

  get #first(): Server {
    const [server] = this.#servers
    if (server === undefined) throw new FlotillaError('internal', 'a store without servers')
    return server
  }

  #next(tried: ReadonlySet<Server>): Server | undefined {
    return this.#servers.find((server) => !tried.has(server))
  }

  /** Behind the others, once: of many requests that fail at the same server only the first moves it. */
  #passOver(server: Server): void {
    if (this.#first === server) this.#servers = [...this.#servers.slice(1), server]
  }

  async #withDeadline<T>(o: CallOptions, body: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    const deadline = startDeadline(this.#options.clock, o, () => {
      return new FlotillaError('core/deadline', `${this.name} did not answer within ${String(o.deadlineMs)} ms`)
    })
    try {
      return await body(deadline.signal)
    } finally {
      deadline.release()
    }
  }

  #toError(error: unknown, signal: AbortSignal | undefined): Error {
    if (signal?.aborted === true) return toAbortError(signal)
    const cause = error instanceof UnsentError ? error.cause : error
    if (cause instanceof FlotillaError && cause.message.startsWith(this.#kind)) return cause
    const code = cause instanceof FlotillaError ? cause.code : 'io/connect'
    return new FlotillaError(code, `${this.name}: ${toMessage(cause)}`, { cause })
  }
}

function render({ endpoint }: Server, { method, target, headers = {}, body }: StoreRequest) {
  return {
    method,
    target,
    host: joinHostPort(endpoint),
    headers,
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  }
}

/** Nothing of the request has left this machine. */
class UnsentError extends Error {
  constructor(cause: unknown) {
    super(toMessage(cause), { cause })
  }
}

function isUnsent(error: unknown): boolean {
  return error instanceof UnsentError
}

/** Ends the connection when the signal fires first. */
async function guard<T>(
  connection: HttpConnection,
  signal: AbortSignal | undefined,
  body: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return body()
  function stop(): void {
    connection.destroy(toAbortError(signal))
  }
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  try {
    return await body()
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
