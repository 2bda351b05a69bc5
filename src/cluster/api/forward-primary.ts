import type { Clock } from '../../core/clock.ts'
import type { Election } from '../leader/election.ts'
import type { AccessGate, VouchedLines } from './access-gate.ts'
import type { ForwardHost } from './forward-options.ts'
import type { Exchange } from './http1/exchange.ts'
import { headerOf } from './http1/head.ts'
import {
  makeKeptWait,
  notPrimaryHeader,
  readRefusal,
  renderWaitLines,
  requestIdHeader,
  toPauseMs,
  waitedHeader,
  waitIdHeader,
} from './kept-wait.ts'
import type { KeptWait } from './kept-wait.ts'
import type { OwnView } from './own-view.ts'
import type { PrimaryLink } from './primary-link.ts'
import { PrimaryLinks } from './primary-links.ts'
import type { PrimaryLinksOptions } from './primary-links.ts'
import { isLocal, mayWait, needsPrimary } from './primary-routes.ts'
import type { EndpointServer } from './server.ts'
import { renderPath } from './target.ts'
import type { Target } from './target.ts'
import { endingMessage } from './waiting.ts'

export interface PrimaryForwarderOptions extends PrimaryLinksOptions {
  readonly role: Pick<Election, 'address' | 'kind' | 'primary' | 'catchingUp' | 'onChange'>
  readonly host: ForwardHost & Pick<EndpointServer, 'isHijackFull' | 'fail'>
  readonly clock: Clock
  /** Brought up to date before anything is served from it. */
  readonly ownView: Pick<OwnView, 'refresh'>
  /** A request waits this long for a primary when there is none. Default 30 s. */
  readonly waitMs?: number
  /** Tells the primary for whom is asked; absent: nobody asks it. */
  readonly gate?: Pick<AccessGate, 'vouch'>
}

/** Marks what a replica has passed on, with the replica's address: it is passed on once and no further. */
export const hopHeader = 'x-flotilla-replica'

/** classicswarm let requests wait for ever. */
const primaryWaitMs = 30_000
/** One that a replica sent here waits this long for this manager to learn that it leads. */
const hopWaitMs = 5000
/** After a refused connection the next primary is nearly always known by then. */
const handOverMs = 1000

type Serve = () => void | Promise<void>

/** A request that cannot be served here at once. */
interface Arrival {
  readonly exchange: Exchange
  readonly target: Target
  readonly serve: Serve
  /** A replica sent it: it goes no further. */
  readonly isPassedOn: boolean
  /** A replica may serve it in need. */
  readonly isServable: boolean
  /** A create, which may have to wait for room. */
  readonly kept: KeptWait | undefined
  /** Monotonic. */
  readonly atMs: number
  readonly untilMs: number
}

/**
 * Decides where a request is served when a cluster has several managers: here while leading, otherwise by the
 * primary, over a connection that carries whatever it turns into.
 *
 * Reads go there too: the primary is the one that has just made the change, so that what a client did through any
 * manager shows in what it reads next through any other (reliability.md I1). While the primary is out of reach, and
 * when there is none, reads and calls to single engines are served here.
 */
export class PrimaryForwarder {
  readonly #o: PrimaryForwarderOptions
  readonly #links: PrimaryLinks
  readonly #giveBack: () => void
  #isEnding = false
  /** Since when nobody is known to lead; undefined also when nobody ever was. */
  #unknownSinceMs: number | undefined

  constructor(options: PrimaryForwarderOptions) {
    this.#o = options
    this.#links = new PrimaryLinks(options)
    this.#giveBack = options.role.onChange(() => this.#follow())
  }

  /** Serves by `serve`, or passes the request on, at once or when it is known who leads. */
  route(exchange: Exchange, target: Target, serve: Serve): void | Promise<void> {
    const { role } = this.#o
    if (isLocal(target.path) || (role.kind === 'primary' && role.catchingUp === undefined)) return serve()
    const isPassedOn = headerOf(exchange.head, hopHeader) !== undefined
    const atMs = this.#o.clock.monotonicMs()
    const untilMs = atMs + (isPassedOn ? Math.min(hopWaitMs, this.#waitMs) : this.#waitMs)
    const isServable = !needsPrimary(exchange.head.method, target.path, exchange.caller?.tenant !== undefined)
    const kept = !isPassedOn && mayWait(exchange.head.method, target.path) ? makeKeptWait(atMs) : undefined
    return this.#find({ exchange, target, serve, isPassedOn, isServable, kept, atMs, untilMs })
  }

  /**
   * Goes on with a create that waited here while this manager led, and for which nothing has been done: it waits at the
   * manager that leads now. Its body has to be kept.
   */
  passOn(exchange: Exchange, target: Target, serve: Serve): Promise<void> {
    const nowMs = this.#o.clock.monotonicMs()
    const kept = makeKeptWait(exchange.arrivedMs ?? nowMs)
    kept.lastWordMs = nowMs
    const untilMs = nowMs + this.#waitMs
    return this.#find({ exchange, target, serve, isPassedOn: false, isServable: false, kept, atMs: nowMs, untilMs })
  }

  get #waitMs(): number {
    return this.#o.waitMs ?? primaryWaitMs
  }

  /** The manager ends: creates that are kept here are sent back to their clients. */
  end(): void {
    this.#isEnding = true
  }

  /** Called about once a second. */
  tick(): void {
    this.#links.tick()
  }

  close(): void {
    this.#giveBack()
    this.#links.close()
  }

  async #find(arrival: Arrival): Promise<void> {
    const { role } = this.#o
    while (!arrival.exchange.isGone) {
      const { kind, primary, catchingUp } = role
      if (kind === 'primary') {
        if (catchingUp === undefined) return this.#serveHere(arrival)
        await catchingUp
      } else if (primary !== undefined && !arrival.isPassedOn) {
        const link = this.#links.to(primary)
        if (arrival.isServable && link.isSuspect) return this.#serveOwn(arrival)
        this.#forward(arrival, link)
        return
      } else if (!(await this.#changed(arrival, this.#patienceUntil(arrival)))) {
        if (arrival.exchange.isGone) return
        if (arrival.isServable) return this.#serveOwn(arrival)
        this.#refuse(arrival)
        return
      }
    }
  }

  /** Until when this request waits for somebody who leads. */
  #patienceUntil(arrival: Arrival): number {
    if (!arrival.isServable) return arrival.untilMs
    if (arrival.isPassedOn) return arrival.atMs + handOverMs
    // A store that is silent for long must not slow every read: the wait counts from when leadership was lost.
    return this.#unknownSinceMs === undefined ? arrival.untilMs : this.#unknownSinceMs + handOverMs
  }

  #refuse({ exchange, isPassedOn }: Arrival): void {
    const message = isPassedOn
      ? `manager ${this.#o.role.address} is not the primary cluster manager`
      : `No elected primary cluster manager: none within ${this.#waitMs / 1000} s`
    exchange.replyError(503, message, ['Retry-After', '1', ...(isPassedOn ? [notPrimaryHeader, 'true'] : [])])
  }

  #serveHere({ exchange, kept, serve }: Arrival): void | Promise<void> {
    if (kept !== undefined) exchange.arrivedMs = kept.sinceMs
    return serve()
  }

  /** From what this replica knows itself, since nobody who leads can be asked. */
  async #serveOwn({ exchange, serve }: Arrival): Promise<void> {
    await this.#o.ownView.refresh()
    if (!exchange.isGone) await serve()
  }

  #forward(arrival: Arrival, link: PrimaryLink): void {
    const { exchange, target } = arrival
    if (exchange.head.upgrade !== undefined && this.#o.host.isHijackFull) {
      exchange.replyError(503, 'too many attached streams', ['Retry-After', '1'])
      return
    }
    if (arrival.kept !== undefined) {
      const { kept } = arrival
      void this.#settle(arrival, () => this.#forwardKept(arrival, kept, link))
      return
    }
    const { lines, without } = this.#vouch(exchange)
    link.forward(exchange, {
      path: pathOf(target),
      withoutHeaders: exchange.requestId === undefined ? without : [requestIdHeader, ...without],
      extraLines: `${this.#renderHop(exchange)}${lines}`,
      onUnsent: (error) => {
        void this.#settle(arrival, () => this.#failOver(arrival, link, error))
      },
      onLost: () => {
        link.suspect()
        void this.#settle(arrival, () => this.#find(arrival))
      },
    })
  }

  /** Header lines of what is passed on. */
  #renderHop({ requestId }: Exchange): string {
    const line = `${hopHeader}: ${this.#o.role.address}\r\n`
    return requestId === undefined ? line : `${line}${requestIdHeader}: ${requestId}\r\n`
  }

  #vouch(exchange: Exchange): VouchedLines {
    return this.#o.gate?.vouch(exchange) ?? nobodyVouched
  }

  /** One try of a create: it is answered at once, also when there is no room yet. */
  async #forwardKept(arrival: Arrival, kept: KeptWait, link: PrimaryLink): Promise<void> {
    const { exchange, target } = arrival
    const body = await exchange.readBody()
    kept.tries += 1
    const { lines, without } = this.#vouch(exchange)
    link.forward(exchange, {
      path: pathOf(target),
      body,
      withoutHeaders: [waitIdHeader, waitedHeader, requestIdHeader, ...without],
      extraLines: `${this.#renderHop(exchange)}${lines}${renderWaitLines(kept, this.#o.clock.monotonicMs())}`,
      onUnsent: (error) => {
        const isWaiting = kept.lastWordMs !== undefined
        void this.#settle(arrival, () =>
          isWaiting ? this.#tryLater(arrival, kept, link, error) : this.#failOver(arrival, link, error),
        )
      },
      onRefusal: (_, head) => {
        const refusal = readRefusal(head)
        if (refusal === 'final' || (refusal === 'elsewhere' && kept.lastWordMs === undefined)) return false
        if (refusal === 'wait') kept.lastWordMs = this.#o.clock.monotonicMs()
        void this.#settle(arrival, () => this.#tryLater(arrival, kept, link, undefined))
        return true
      },
    })
  }

  /** Nothing has been done for the create: it is sent again, to whoever leads then. */
  async #tryLater(arrival: Arrival, kept: KeptWait, link: PrimaryLink, error: unknown): Promise<void> {
    const { exchange } = arrival
    const { clock } = this.#o
    if (this.#isEnding) {
      if (!exchange.isGone) exchange.replyError(503, endingMessage, ['Retry-After', '1'])
      return
    }
    const untilMs = (kept.lastWordMs ?? arrival.atMs) + this.#waitMs
    if (clock.monotonicMs() >= untilMs) {
      const { status, message } = link.describeFailure(error ?? new Error('it does not lead'))
      if (!exchange.isGone) exchange.replyError(status, message)
      return
    }
    await this.#changed(arrival, clock.monotonicMs() + toPauseMs(kept.tries))
    await this.#find({ ...arrival, untilMs })
  }

  /** Nobody answers where the primary was: nothing has been sent, so the request may go elsewhere. */
  async #failOver(arrival: Arrival, link: PrimaryLink, error: unknown): Promise<void> {
    const { role, clock } = this.#o
    if (arrival.isServable && (link.isSuspect || link !== this.#links.current)) return this.#find(arrival)
    const soonMs = Math.min(arrival.untilMs, clock.monotonicMs() + handOverMs)
    while (role.kind !== 'primary' && (role.primary === undefined || role.primary === link.address)) {
      if (await this.#changed(arrival, soonMs)) continue
      const { status, message } = link.describeFailure(error)
      if (!arrival.exchange.isGone) arrival.exchange.replyError(status, message)
      return
    }
    return this.#find(arrival)
  }

  /** What goes wrong after the first detour is told here: nobody waits for it any more. */
  async #settle({ exchange }: Arrival, body: () => Promise<void>): Promise<void> {
    try {
      await body()
    } catch (error) {
      this.#o.host.fail(exchange, error)
    }
  }

  /** Waits for a change of leadership. @returns false when the time is over or the client has gone */
  async #changed({ exchange }: Arrival, untilMs: number): Promise<boolean> {
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

  #follow(): void {
    const { kind, primary } = this.#o.role
    if (primary === undefined) this.#unknownSinceMs ??= this.#o.clock.monotonicMs()
    else this.#unknownSinceMs = undefined
    this.#links.follow(kind === 'replica' ? primary : undefined)
  }
}

const nobodyVouched: VouchedLines = { lines: '', without: [] }

function pathOf({ version, path, query }: Target): string {
  return `${version === undefined ? '' : `/v${version}`}${renderPath(path)}${query === '' ? '' : `?${query}`}`
}

const changedReason = new Error('leadership has changed')
