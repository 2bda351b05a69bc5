import type { Clock } from '../../core/clock.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { lostHeader, repeatOf } from '../../engine/repeat.ts'
import type { Repeat } from '../../engine/repeat.ts'
import type { Election } from '../leader/election.ts'
import type { AccessGate, VouchedLines } from './access-gate.ts'
import { awaitChange, pathOf, tellMoved } from './arrival.ts'
import type { Arrival, Serve } from './arrival.ts'
import { LeadershipMoved } from './fence.ts'
import type { FailureTold, ForwardHost } from './forward-options.ts'
import type { Exchange } from './http1/exchange.ts'
import { headerOf } from './http1/head.ts'
import {
  giveUpTry,
  isAgain,
  makeKeptWait,
  notPrimaryHeader,
  readRefusal,
  renderLost,
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
/** A read waits no longer for the next primary; nor does what the one that leads has no room for. */
const handOverMs = 1000
/** Between two looks whether a primary answers again. */
const lookMs = 1000
/** Between two tries of what a manager refused that does not lead any more. */
const againMs = 250

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
    if (isLocal(target.path)) return serve()
    const isPassedOn = headerOf(exchange.head, hopHeader) !== undefined
    const told = this.#telling(exchange, target, serve, isPassedOn)
    if (role.kind === 'primary' && role.catchingUp === undefined) return told()
    const atMs = this.#o.clock.monotonicMs()
    const untilMs = atMs + (isPassedOn ? Math.min(hopWaitMs, this.#waitMs) : this.#waitMs)
    const isServable = !needsPrimary(exchange.head.method, target.path, exchange.caller?.tenant !== undefined)
    const kept = !isPassedOn && mayWait(exchange.head.method, target.path) ? makeKeptWait(atMs) : undefined
    return this.#find({ exchange, target, serve: told, isPassedOn, isServable, kept, isAgain: false, atMs, untilMs })
  }

  /** What becomes of a call for which nothing has been done, since leadership was lost over it. */
  #telling(exchange: Exchange, target: Target, serve: Serve, isPassedOn: boolean): Serve {
    const { method } = exchange.head
    if (method === 'GET' || method === 'HEAD') return serve
    return () => (isPassedOn ? tellMoved(exchange, serve) : this.#serveOrPassOn(exchange, target, serve))
  }

  /** What nothing has been done for here, since leadership was lost over it, is left to the manager that leads now. */
  async #serveOrPassOn(exchange: Exchange, target: Target, serve: Serve): Promise<void> {
    try {
      await serve()
    } catch (error) {
      const { method } = exchange.head
      const isCreate = mayWait(method, target.path)
      const isKept = isCreate || repeatOf(method, target.path) !== undefined
      if (!(error instanceof LeadershipMoved) || !isKept || this.#isEnding) throw error
      const atMs = this.#o.clock.monotonicMs()
      const kept = isCreate ? makeKeptWait(exchange.arrivedMs ?? atMs) : undefined
      // It may have waited for hours, and has as long as any other from now on.
      if (kept !== undefined) kept.lastWordMs = atMs
      kept?.lostIds.push(...(exchange.lost ?? []))
      const how = { isPassedOn: false, isServable: false, isAgain: exchange.lost !== undefined } as const
      const again: Serve = () => this.#serveOrPassOn(exchange, target, serve)
      await this.#find({ exchange, target, serve: again, ...how, kept, atMs, untilMs: atMs + this.#waitMs })
    }
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
      } else if (!(await awaitChange(this.#o, arrival.exchange, this.#patienceUntil(arrival)))) {
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

  #serveHere({ exchange, kept, isAgain, serve }: Arrival): void | Promise<void> {
    if (kept !== undefined) exchange.arrivedMs = kept.sinceMs
    if (isAgain) exchange.lost = kept?.lostIds ?? []
    return serve()
  }

  /** From what this replica knows itself, since nobody who leads can be asked. */
  async #serveOwn({ exchange, serve, atMs }: Arrival): Promise<void> {
    const { ownView } = this.#o
    await ownView.refresh()
    if (exchange.isGone) return
    try {
      await serve()
    } catch (error) {
      if (!isFlotillaError(error) || error.status !== 404 || exchange.hasReplied) throw error
      // It may be younger than the last look.
      await ownView.refresh(atMs)
      if (!exchange.isGone) await serve()
    }
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
    const repeat = repeatOf(exchange.head.method, target.path)
    if (repeat === undefined || exchange.head.bodyLength === 0) this.#send(arrival, link, repeat)
    else
      void this.#settle(arrival, async () => {
        // It may have to be sent again.
        const body = await exchange.readBody()
        this.#send(arrival, link, repeat, body)
      })
  }

  #send(arrival: Arrival, link: PrimaryLink, repeat: Repeat | undefined, body?: Buffer): void {
    const { exchange, target } = arrival
    const { lines, without } = this.#vouch(exchange)
    link.forward(exchange, {
      path: pathOf(target),
      ...(body !== undefined && { body }),
      withoutHeaders: [requestIdHeader, lostHeader, ...without],
      extraLines: `${this.#renderHop(exchange)}${lines}${arrival.isAgain || isAgain(exchange) ? renderLost([]) : ''}`,
      repeat,
      onUnsent: (error) => {
        void this.#settle(arrival, () => this.#failOver(arrival, link, error))
      },
      onRefusal: (_, head) => {
        const isLate = this.#o.clock.monotonicMs() >= arrival.untilMs
        if (repeat === undefined || isLate || readRefusal(head) !== 'elsewhere') return false
        void this.#settle(arrival, async () => {
          await awaitChange(this.#o, arrival.exchange, this.#o.clock.monotonicMs() + againMs)
          await this.#find(arrival)
        })
        return true
      },
      onLost: (told) => {
        link.suspect()
        void this.#settle(arrival, () => this.#goOn(arrival, link, told))
      },
    })
  }

  /** It is sent again: elsewhere, or to one that still leads and breaks off, now and then. */
  async #goOn(arrival: Arrival, link: PrimaryLink, told: FailureTold): Promise<void> {
    const { role, clock } = this.#o
    if (!arrival.isServable && role.primary === link.address) {
      if (this.#isEnding || clock.monotonicMs() >= arrival.untilMs) {
        arrival.exchange.replyError(told.status, told.message)
        return
      }
      await awaitChange(this.#o, arrival.exchange, clock.monotonicMs() + againMs)
    }
    await this.#find({ ...arrival, isAgain: true })
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
      withoutHeaders: [waitIdHeader, waitedHeader, requestIdHeader, lostHeader, ...without],
      extraLines: `${this.#renderHop(exchange)}${lines}${renderWaitLines(kept, this.#o.clock.monotonicMs())}`,
      onUnsent: (error) => {
        const isWaiting = kept.lastWordMs !== undefined
        void this.#settle(arrival, () =>
          isWaiting ? this.#tryLater(arrival, kept, link, error) : this.#failOver(arrival, link, error),
        )
      },
      onRefusal: (_, head) => {
        const refusal = readRefusal(head)
        if (refusal === 'final') return false
        if (refusal === 'wait') kept.lastWordMs = this.#o.clock.monotonicMs()
        void this.#settle(arrival, () => this.#tryLater(arrival, kept, link, undefined))
        return true
      },
      repeat: 'always',
      onLost: (told) => {
        link.suspect()
        void this.#settle(arrival, () => this.#tryElsewhere(arrival, kept, link, told))
      },
    })
  }

  /**
   * Nobody knows whether the container was made. The next primary is asked, which removes what was before it makes another;
   * one that goes on leading may be about to make it.
   */
  async #tryElsewhere(arrival: Arrival, kept: KeptWait, link: PrimaryLink, told: FailureTold): Promise<void> {
    const { role, clock } = this.#o
    giveUpTry(kept)
    const untilMs = clock.monotonicMs() + this.#waitMs
    while (role.kind !== 'primary' && (role.primary === undefined || role.primary === link.address)) {
      const isThere = role.primary === link.address && !link.isSuspect
      if (isThere || this.#isEnding || clock.monotonicMs() >= untilMs) {
        arrival.exchange.replyError(told.status, told.message)
        return
      }
      await awaitChange(this.#o, arrival.exchange, Math.min(untilMs, clock.monotonicMs() + lookMs))
      if (arrival.exchange.isGone) return
    }
    await this.#find({ ...arrival, isAgain: true, atMs: clock.monotonicMs(), untilMs })
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
    await awaitChange(this.#o, arrival.exchange, clock.monotonicMs() + toPauseMs(kept.tries))
    await this.#find({ ...arrival, untilMs })
  }

  /** Nobody answers where the primary was: nothing has been sent, so the request may go elsewhere. */
  async #failOver(arrival: Arrival, link: PrimaryLink, error: unknown): Promise<void> {
    const { role, clock } = this.#o
    if (arrival.isServable && (link.isSuspect || link !== this.#links.current)) return this.#find(arrival)
    const untilMs = link.isSuspect ? arrival.untilMs : Math.min(arrival.untilMs, clock.monotonicMs() + handOverMs)
    while (role.kind !== 'primary' && (role.primary === undefined || role.primary === link.address)) {
      if (await awaitChange(this.#o, arrival.exchange, Math.min(untilMs, clock.monotonicMs() + lookMs))) continue
      if (arrival.exchange.isGone) return
      if (clock.monotonicMs() >= untilMs) {
        const { status, message } = link.describeFailure(error)
        arrival.exchange.replyError(status, message)
        return
      }
      if (role.primary === link.address && !link.isSuspect) break
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

  #follow(): void {
    const { kind, primary } = this.#o.role
    if (primary === undefined) this.#unknownSinceMs ??= this.#o.clock.monotonicMs()
    else this.#unknownSinceMs = undefined
    this.#links.follow(kind === 'replica' ? primary : undefined)
  }
}

const nobodyVouched: VouchedLines = { lines: '', without: [] }
