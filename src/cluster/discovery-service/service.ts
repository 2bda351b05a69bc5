import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import type { Exchange } from '../api/http1/exchange.ts'
import { renderListenAddress } from '../api/listen.ts'
import type { ListenAddress, ListenTls } from '../api/listen.ts'
import { EndpointServer } from '../api/server.ts'
import { TokenBook, defaultBookLimits } from './book.ts'
import type { BookLimits } from './book.ts'
import { RateLimit } from './rate.ts'
import type { Rate } from './rate.ts'
import { StateFile } from './state-file.ts'
import { randomId } from '../../io/random-id.ts'

export interface DiscoveryServiceOptions {
  readonly listen: readonly ListenAddress[]
  readonly tls?: ListenTls
  /** File that keeps tokens over a restart; absent: memory only. */
  readonly statePath?: string
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<BookLimits>
  /** New tokens of one client address, and all its requests. */
  readonly creations?: Rate
  readonly requests?: Rate
}

export interface RunningDiscoveryService {
  /** `tcp://127.0.0.1:8085`; ports chosen by the system filled in. */
  readonly addresses: readonly string[]
  /** Lets requests finish and writes the state. Idempotent. */
  close(): Promise<void>
}

const defaultCreations: Rate = { burst: 30, perSecond: 0.5 }
/** A network of ten thousand engines behind one address registers 170 times a second. */
const defaultRequests: Rate = { burst: 5000, perSecond: 1000 }
const bodyLimit = 1024
const defaultTtlSeconds = 180
const maxTtlSeconds = 7 * 24 * 3600
const sweepSeconds = 30

/**
 * The service behind `token://`: who knows a token reads and extends its list of engines (protocol: classicswarm
 * discovery/token/token.go; `DELETE` of a token or of one entry is ours).
 *
 * @throws {io/connect} when an address cannot be listened on, {io/file} when the state cannot be read
 */
export async function startDiscoveryService(options: DiscoveryServiceOptions): Promise<RunningDiscoveryService> {
  const { clock, log } = options
  const book = new TokenBook({ ...defaultBookLimits, ...options.limits })
  const state = options.statePath === undefined ? undefined : new StateFile(options.statePath, book, clock, log)
  await state?.load()
  const handler = new Handler(options, book, state)
  let seconds = 0
  const server = new EndpointServer({
    clock,
    log,
    handle: (exchange) => handler.handle(exchange),
    onTick() {
      seconds += 1
      if (seconds % sweepSeconds === 0 && book.sweep(clock.monotonicMs())) state?.saveSoon()
    },
  })
  const addresses: string[] = []
  try {
    for (const address of options.listen) {
      const bound = await server.listen(address, address.kind === 'tcp' ? options.tls : undefined)
      addresses.push(renderListenAddress(bound))
    }
  } catch (error) {
    server.closeNow()
    throw error
  }
  let closing: Promise<void> | undefined
  return {
    addresses,
    close() {
      closing ??= server.close().then(() => state?.close())
      return closing
    },
  }
}

interface Route {
  readonly token: string
  readonly addr: string
}

class Handler {
  readonly #clock: Clock
  readonly #book: TokenBook
  readonly #state: StateFile | undefined
  readonly #creations: RateLimit
  readonly #requests: RateLimit

  constructor(options: DiscoveryServiceOptions, book: TokenBook, state: StateFile | undefined) {
    this.#clock = options.clock
    this.#book = book
    this.#state = state
    this.#creations = new RateLimit(options.creations ?? defaultCreations)
    this.#requests = new RateLimit(options.requests ?? defaultRequests)
  }

  async handle(exchange: Exchange): Promise<void> {
    const { method, target } = exchange.head
    const mark = target.indexOf('?')
    const route = findRoute(mark < 0 ? target : target.slice(0, mark))
    if (!this.#mayGoOn(exchange, this.#requests)) return
    if (route === undefined) exchange.replyError(404, 'page not found')
    else if (method === 'POST' && route.token === '') await this.#create(exchange)
    else if (method === 'POST' && route.addr === '') {
      await this.#register(exchange, route.token, new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)))
    } else if ((method === 'GET' || method === 'HEAD') && route.token !== '' && route.addr === '') {
      this.#list(exchange, route.token)
    } else if (method === 'DELETE' && route.token !== '') await this.#remove(exchange, route)
    else exchange.replyError(405, 'method not allowed')
  }

  async #create(exchange: Exchange): Promise<void> {
    await exchange.readBody(bodyLimit)
    if (!this.#mayGoOn(exchange, this.#creations)) return
    const token = randomId(16)
    if (!this.#book.create(token, this.#clock.monotonicMs())) {
      exchange.replyError(507, 'this service keeps no more tokens')
      return
    }
    // Whoever has the token may rely on it after a crash.
    await this.#state?.save()
    exchange.reply(201, ['Content-Type', 'text/plain; charset=utf-8'], token)
  }

  async #register(exchange: Exchange, token: string, params: URLSearchParams): Promise<void> {
    const addr = (await exchange.readBody(bodyLimit)).toString('utf8').trim()
    const ttlSeconds = readTtl(params.get('ttl'))
    if (ttlSeconds === undefined) {
      exchange.replyError(400, 'ttl is not a positive number of seconds')
      return
    }
    const result = this.#book.register(token, addr, ttlSeconds * 1000, this.#clock.monotonicMs())
    if (result === 'unknown') exchange.replyError(404, 'no such token')
    else if (result === 'malformed') exchange.replyError(400, 'the body is not one address of the form host:port')
    else if (result === 'full') exchange.replyError(507, 'this token has no room for another entry')
    else {
      this.#state?.saveSoon()
      exchange.reply(200, ['Content-Type', 'text/plain; charset=utf-8'], 'OK')
    }
  }

  #list(exchange: Exchange, token: string): void {
    const entries = this.#book.list(token, this.#clock.monotonicMs())
    if (entries === undefined) exchange.replyError(404, 'no such token')
    else exchange.replyJson(200, entries)
  }

  async #remove(exchange: Exchange, { token, addr }: Route): Promise<void> {
    const isGone = addr === '' ? this.#book.remove(token) : this.#book.withdraw(token, addr)
    if (!isGone) {
      exchange.replyError(404, addr === '' ? 'no such token' : 'no such entry')
      return
    }
    if (addr === '') await this.#state?.save()
    else this.#state?.saveSoon()
    exchange.reply(204, [])
  }

  /** Answers by itself when the client does too much. */
  #mayGoOn(exchange: Exchange, limit: RateLimit): boolean {
    const seconds = limit.take(exchange.connection.remoteAddress ?? '', this.#clock.monotonicMs())
    if (seconds > 0) exchange.replyError(429, 'too many requests', ['Retry-After', String(seconds)])
    return seconds === 0
  }
}

const routePattern = /^\/v1\/clusters(?:\/([^/]+)(?:\/([^/]+))?)?\/?$/

function findRoute(path: string): Route | undefined {
  const match = routePattern.exec(path)
  if (match === null) return undefined
  try {
    return { token: decodeURIComponent(match[1] ?? ''), addr: decodeURIComponent(match[2] ?? '') }
  } catch {
    return undefined
  }
}

function readTtl(text: string | null): number | undefined {
  if (text === null || text === '') return defaultTtlSeconds
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : 0
  return seconds > 0 ? Math.min(seconds, maxTtlSeconds) : undefined
}
