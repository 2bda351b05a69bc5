import type { Clock } from '../../core/clock.ts'
import { isFlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { parseEndpoint } from '../../engine/endpoint-parse.ts'
import type { Endpoint, TlsMaterial } from '../../engine/endpoint.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Election } from '../leader/election.ts'
import { headerOf } from './http1/head.ts'
import type { Exchange } from './http1/exchange.ts'
import { PrimaryLink } from './primary-link.ts'
import type { ForwardHost } from './proxy.ts'
import { renderPath } from './target.ts'
import type { Target } from './target.ts'

export interface PrimaryForwarderOptions {
  readonly role: Pick<Election, 'address' | 'kind' | 'primary' | 'catchingUp' | 'onChange'>
  readonly host: ForwardHost & { readonly isHijackFull: boolean }
  readonly clock: Clock
  readonly log: Log
  /** The certificates that engines are shown are shown to the primary too. */
  readonly tls?: TlsMaterial
  openEngine(endpoint: Endpoint): Engine
}

/** Marks what a replica has passed on, with the replica's address: it is passed on once and no further. */
export const hopHeader = 'x-flotilla-replica'

/** A request waits this long for a primary, when there is none. classicswarm let it wait for ever. */
export const primaryWaitMs = 30_000
/** One that a replica sent here waits this long for this manager to learn that it leads. */
const hopWaitMs = 5000
/** After a refused connection the next primary is nearly always known by then. */
const handOverMs = 1000

/** Answered by every manager itself: what they say is about this manager. */
const localPaths: ReadonlySet<string> = new Set([
  '/_ping',
  '/info',
  '/debug',
  '/flotilla/leader',
  '/flotilla/metrics',
  '/flotilla/debug',
])

function isLocal(path: string): boolean {
  return localPaths.has(path) || path.startsWith('/debug/') || path.startsWith('/flotilla/debug/')
}

type Serve = () => void | Promise<void>

/**
 * Decides where a request is served when a cluster has several managers: here while leading, otherwise by the
 * primary, over a connection that carries whatever it turns into.
 *
 * Reads go there too: the primary is the one that has just made the change, so that what a client did through any
 * manager shows in what it reads next through any other (reliability.md I1).
 */
export class PrimaryForwarder {
  readonly #o: PrimaryForwarderOptions
  readonly #links = new Set<PrimaryLink>()
  readonly #giveBack: () => void
  #current: PrimaryLink | undefined

  constructor(options: PrimaryForwarderOptions) {
    this.#o = options
    this.#giveBack = options.role.onChange(() => this.#retireOthers())
  }

  /** Serves by `serve`, or passes the request on, at once or when it is known who leads. */
  route(exchange: Exchange, target: Target, serve: Serve): void | Promise<void> {
    const { role } = this.#o
    if (isLocal(target.path) || (role.kind === 'primary' && role.catchingUp === undefined)) return serve()
    const hop = headerOf(exchange.head, hopHeader)
    const waitMs = hop === undefined ? primaryWaitMs : hopWaitMs
    return this.#find(exchange, target, serve, this.#o.clock.monotonicMs() + waitMs)
  }

  /** Called about once a second. */
  tick(): void {
    for (const link of this.#links) {
      link.tick()
      if (link.isDone) this.#links.delete(link)
    }
  }

  close(): void {
    this.#giveBack()
    for (const link of this.#links) link.close()
    this.#links.clear()
  }

  async #find(exchange: Exchange, target: Target, serve: Serve, untilMs: number): Promise<void> {
    const { role } = this.#o
    const isPassedOn = headerOf(exchange.head, hopHeader) !== undefined
    while (!exchange.isGone) {
      const { kind, primary, catchingUp } = role
      if (kind === 'primary') {
        if (catchingUp === undefined) return serve()
        await catchingUp
        continue
      }
      if (primary !== undefined && !isPassedOn) {
        this.#forward(exchange, target, primary, () => this.#failOver(exchange, target, serve, primary, untilMs))
        return
      }
      if (await this.#changed(exchange, untilMs)) continue
      this.#refuse(exchange, isPassedOn)
      return
    }
  }

  #refuse(exchange: Exchange, isPassedOn: boolean): void {
    if (exchange.isGone) return
    const message = isPassedOn
      ? `manager ${this.#o.role.address} is not the primary cluster manager`
      : `No elected primary cluster manager: none within ${primaryWaitMs / 1000} s`
    exchange.replyError(503, message, ['Retry-After', '1'])
  }

  #forward(exchange: Exchange, target: Target, primary: string, onUnsent: () => Promise<boolean>): void {
    if (exchange.head.upgrade !== undefined && this.#o.host.isHijackFull) {
      exchange.replyError(503, 'too many attached streams', ['Retry-After', '1'])
      return
    }
    const link = this.#linkTo(primary)
    const version = target.version === undefined ? '' : `/v${target.version}`
    const path = `${version}${renderPath(target.path)}${target.query === '' ? '' : `?${target.query}`}`
    link.forward(exchange, path, `${hopHeader}: ${this.#o.role.address}\r\n`, (error) => {
      void this.#goElsewhere(exchange, onUnsent, link.describeFailure(error))
      return true
    })
  }

  async #goElsewhere(
    exchange: Exchange,
    elsewhere: () => Promise<boolean>,
    failure: { readonly status: number; readonly message: string },
  ): Promise<void> {
    try {
      if (await elsewhere()) return
      if (!exchange.isGone && !exchange.hasReplied) exchange.replyError(failure.status, failure.message)
    } catch (error) {
      this.#o.log.error('request failed', { request: exchange.head.target, error: toMessage(error) })
      if (exchange.hasReplied) exchange.breakOff()
      else exchange.replyError(isFlotillaError(error) ? (error.status ?? 500) : 500, toMessage(error))
    }
  }

  /** Nobody answers where the primary was: nothing has been sent, so the request may go to the next one. */
  async #failOver(
    exchange: Exchange,
    target: Target,
    serve: Serve,
    refusedBy: string,
    untilMs: number,
  ): Promise<boolean> {
    const { role, clock } = this.#o
    const soonMs = Math.min(untilMs, clock.monotonicMs() + handOverMs)
    while (role.kind !== 'primary' && (role.primary === undefined || role.primary === refusedBy)) {
      if (!(await this.#changed(exchange, soonMs))) return false
    }
    await this.#find(exchange, target, serve, untilMs)
    return true
  }

  /** Waits for a change of leadership. @returns false when the time is over or the client has gone */
  async #changed(exchange: Exchange, untilMs: number): Promise<boolean> {
    const leftMs = untilMs - this.#o.clock.monotonicMs()
    if (leftMs <= 0 || exchange.isGone) return false
    const stop = new AbortController()
    let isChanged = false
    const giveBack = this.#o.role.onChange(() => {
      isChanged = true
      stop.abort(changedReason)
    })
    exchange.onGone(() => stop.abort(changedReason))
    await this.#o.clock.sleep(leftMs, stop.signal).catch(() => undefined)
    giveBack()
    exchange.onGone(undefined)
    return isChanged && !exchange.isGone
  }

  #linkTo(address: string): PrimaryLink {
    if (this.#current?.address === address) return this.#current
    const { tls, host, log } = this.#o
    const openEngine = (endpoint: Endpoint): Engine => this.#o.openEngine(endpoint)
    const endpoint = parseEndpoint(`tcp://${address}`, tls)
    if (endpoint.kind !== 'tcp') throw new TypeError('an address of HOST:PORT is a TCP endpoint')
    this.#current = new PrimaryLink({ address, endpoint, host, log, openEngine })
    this.#links.add(this.#current)
    return this.#current
  }

  #retireOthers(): void {
    const { kind, primary } = this.#o.role
    const current = this.#current
    if (current === undefined || (kind === 'replica' && primary === current.address)) return
    this.#current = undefined
    current.retire()
  }
}

const changedReason = new Error('leadership has changed')
