import { setMaxListeners } from 'node:events'
import type { Clock } from '../../core/clock.ts'
import { startTimer } from '../../core/deadline.ts'
import { isFlotillaError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { isFields, readNumber } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { listStale } from './event-table.ts'
import { isListFetch, runFetch, runLists, toFailure } from './fetch.ts'
import type { FetchContext, ListFetch } from './fetch.ts'
import type { Gate } from './gate.ts'
import { keyOf } from './messages.ts'
import type { Effect, Failure, Fetch, Message, WakeReason } from './messages.ts'
import { Reads } from './reads.ts'
import { Telling } from './telling.ts'

export interface EngineWatchOptions {
  readonly engine: Engine
  readonly clock: Clock
  /** Shared by all watches, so that a large fleet is read in bounded steps. Probes and events do not wait. */
  readonly gate: Gate
  /** How long a reading may take. */
  readonly readMs: number
  resolveIp(): Promise<string>
  /** Takes one message in. @returns what has to be done next */
  step(message: Message): readonly Effect[]
  /** Whether somebody follows the events of the engine. */
  isHeard(): boolean
  /** Told of what concerns others than the engine. */
  onEffect(effect: Exclude<Effect, { readonly kind: 'fetch' | 'queued' | 'wake' | 'open-events' | 'close' }>): void
}

/** Reads of one engine at once, besides the probe. */
const parallelReads = 4

/**
 * The hands of one engine's reducer: sends it what happens and does what it asks for. Holds no decisions;
 * what it knows are calls under way, the event stream, and who waits for what.
 */
export class EngineWatch {
  readonly #o: EngineWatchOptions
  readonly #queue: Message[] = []
  readonly #reads = new Reads()
  readonly #pendingFetches: (() => void)[] = []
  /** Lists asked for by the step that is being carried out. */
  #lists: { readonly epoch: number; readonly fetch: ListFetch; readonly read: number }[] = []
  readonly #timers = new Map<WakeReason, () => void>()
  readonly #telling: Telling
  #isUrgent = false
  #eventLagMs: number | undefined
  #running = 0
  #isStepping = false
  #calls = makeController()
  #stream: AbortController | undefined

  constructor(options: EngineWatchOptions) {
    this.#o = options
    this.#telling = new Telling(options.clock)
  }

  /** Between the last event, by the engine's clock, and its arrival, by ours; undefined before the first. */
  get eventLagMs(): number | undefined {
    return this.#eventLagMs
  }

  /** Sends one message; the view is up to date when this returns. */
  send(message: Message): void {
    this.#queue.push(message)
    if (this.#isStepping) return
    this.#isStepping = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#reads.startStep()
        for (const effect of this.#o.step(next)) this.perform(effect)
      }
    } finally {
      this.#isStepping = false
    }
  }

  /**
   * Reads something again. Resolves when the view holds what was true after this call, or when that will not come: the
   * engine has left, is being read anew as a whole, or could not be read.
   */
  touch(fetch: Fetch): Promise<void> {
    if (this.#calls.signal.aborted) return Promise.resolve()
    const key = keyOf(fetch)
    const before = this.#reads.last(key)
    this.send({ kind: 'touched', fetch })
    const read = this.#reads.after(key, before)
    // A list leaves out what engines told of while it was read: that is being read by itself.
    return key === 'containers' ? read.then(() => this.#reads.settled('container:')).then(() => undefined) : read
  }

  /** What is about to be read because of an event, as the cluster's lists will show it. */
  #readsOf(event: Fields): readonly Promise<void>[] {
    if (!this.#o.isHeard()) return []
    return listStale(event).flatMap((fetch) => this.#reads.coming(keyOf(fetch)) ?? [])
  }

  /** What is read in the background is needed: ahead of all others now, until `isUrgent` is taken back. */
  set isUrgent(isUrgent: boolean) {
    this.#isUrgent = isUrgent
    if (isUrgent) this.#o.gate.hasten(this)
  }

  /** Ends everything. */
  close(): void {
    this.#calls.abort(closedReason)
    this.#stream?.abort(closedReason)
    this.#forgetTimers()
    this.#reads.release()
    this.#telling.flush()
  }

  /** Does what a step asked for; also steps of other engines may ask something of this one. */
  perform(effect: Effect): void {
    switch (effect.kind) {
      case 'fetch':
        this.#fetch(effect.epoch, effect.fetch)
        return
      case 'queued':
        this.#reads.queue(keyOf(effect.fetch))
        return
      case 'wake':
        this.#wake(effect)
        return
      case 'open-events':
        void this.#openEvents(effect.epoch, effect.since)
        return
      case 'close':
        this.#calls.abort(closedReason)
        this.#stream?.abort(closedReason)
        this.#forgetTimers()
        this.#calls = makeController()
        this.#reads.drop()
        this.#telling.flush()
        return
      case 'forward':
        this.#telling.tell(() => this.#o.onEffect(effect), this.#readsOf(effect.event))
        return
      case 'announce':
        // What the engine told before it went or came is told before.
        this.#telling.flush()
        this.#o.onEffect(effect)
        return
      default:
        this.#o.onEffect(effect)
    }
  }

  #fetch(epoch: number, fetch: Fetch): void {
    const key = keyOf(fetch)
    const read = this.#reads.begin(key)
    if (isListFetch(fetch)) {
      this.#lists.push({ epoch, fetch, read })
      if (this.#lists.length === 1) queueMicrotask(() => this.#fetchLists())
      return
    }
    const { signal } = this.#calls
    const context = this.#context(signal)
    const begin = async (): Promise<void> => {
      try {
        const data = await this.#inGate(fetch, () => runFetch(fetch, context))
        this.send({ kind: 'fetched', epoch, fetch, result: { isOk: true, data } })
      } catch (error) {
        if (!signal.aborted) this.#failed(epoch, fetch, toFailure(error, fetch.what === 'ping'))
      }
      this.#reads.end(key, read)
    }
    if (fetch.what === 'ping') void begin()
    else this.#inTurn(begin)
  }

  #context(signal: AbortSignal): FetchContext {
    const { engine, clock, readMs } = this.#o
    return { engine, signal, clock, readMs, resolveIp: () => this.#o.resolveIp() }
  }

  #failed(epoch: number, fetch: Fetch, failure: Failure): void {
    this.send({ kind: 'fetched', epoch, fetch, result: { isOk: false, failure } })
  }

  #inGate<T>(fetch: Fetch, body: () => Promise<T>): Promise<T> {
    if (fetch.what === 'ping') return body()
    const isBack = fetch.what === 'details' && !this.#isUrgent
    return this.#o.gate.run(body, isBack ? { owner: this } : undefined)
  }

  /** Lists that one step asked for are read together. */
  #fetchLists(): void {
    const lists = this.#lists
    const { signal } = this.#calls
    this.#lists = []
    this.#inTurn(() =>
      this.#o.gate.run(() =>
        runLists(
          lists.map((each) => each.fetch),
          this.#context(signal),
          (fetch, outcome) => {
            const asked = lists.find((each) => each.fetch === fetch)
            if (asked === undefined) return
            const { epoch, read } = asked
            if (outcome.isOk) {
              this.send({ kind: 'fetched', epoch, fetch, result: { isOk: true, data: outcome.value } })
            } else if (!signal.aborted) this.#failed(epoch, fetch, toFailure(outcome.error, false))
            this.#reads.end(keyOf(fetch), read)
          },
        ),
      ),
    )
  }

  /** At most a few reads of one engine at once: an engine with many containers must not be flooded. */
  #inTurn(begin: () => Promise<void>): void {
    const run = (): void => {
      this.#running += 1
      void begin().then(() => {
        this.#running -= 1
        this.#pendingFetches.shift()?.()
      })
    }
    if (this.#running < parallelReads) run()
    else this.#pendingFetches.push(run)
  }

  #wake({ epoch, reason, ticket, afterMs }: Extract<Effect, { readonly kind: 'wake' }>): void {
    // What still comes in after the end begins nothing.
    if (this.#calls.signal.aborted) return
    // A new one for the same reason takes the place of the one before.
    this.#timers.get(reason)?.()
    const cancel = startTimer(this.#o.clock, afterMs, () => {
      this.#timers.delete(reason)
      this.send({ kind: 'woke', epoch, reason, ticket })
    })
    this.#timers.set(reason, cancel)
  }

  #forgetTimers(): void {
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  async #openEvents(epoch: number, since: string | undefined): Promise<void> {
    this.#stream?.abort(closedReason)
    const stream = new AbortController()
    this.#stream = stream
    try {
      const reply = await this.#o.engine.request(
        { method: 'GET', path: '/events', query: { since }, stream: true },
        { signal: stream.signal, deadlineMs: openEventsMs },
      )
      this.send({ kind: 'events-opened', epoch })
      for await (const event of reply.documents<Fields>()) {
        const turn = this.#o.gate.turns.take()
        if (turn !== undefined) await turn
        if (stream.signal.aborted) return
        if (!isFields(event)) continue
        const happenedMs = readNumber(event, 'timeNano') / 1e6
        if (happenedMs > 0) this.#eventLagMs = this.#o.clock.nowMs() - happenedMs
        this.send({ kind: 'event', epoch, event })
      }
      if (!stream.signal.aborted) this.send({ kind: 'events-closed', epoch, failure: undefined })
    } catch (error) {
      if (stream.signal.aborted) return
      // An engine that answers but has no events is a broken one; a slow one is not.
      const failure = toFailure(error, isFlotillaError(error) && error.code === 'engine/timeout')
      this.send({ kind: 'events-closed', epoch, failure })
    }
  }
}

/** Calls to one engine listen to it all at once: more than the ten at which Node suspects a leak. */
function makeController(): AbortController {
  const controller = new AbortController()
  setMaxListeners(64, controller.signal)
  return controller
}

const openEventsMs = 10_000
const closedReason = new Error('the watch was closed')
