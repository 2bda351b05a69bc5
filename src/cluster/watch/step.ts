import { changeContainer, changeNode } from '../copies.ts'
import { markLabels } from '../model.ts'
import type { ContainerView, NodeMark, NodeView } from '../model.ts'
import { readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { emptyNode } from './blank-node.ts'
import { dropContainer, findContainer, putContainer } from './collections.ts'
import { copyState } from './copy-state.ts'
import { listStale } from './event-table.ts'
import { begin, overrule, repeatSingles, touch, want } from './flights.ts'
import { eventsDelayMs, failHealth, freshHealth, goodHealth } from './health.ts'
import { probeDelayMs, refreshDelayMs, validateDelayMs } from './health.ts'
import { keyOf } from './messages.ts'
import type { Effect, Failure, Fetch, StepContext, WakeReason } from './messages.ts'
import type { EngineState } from './state.ts'
import { endTrouble, mayReadAgain, noTrouble, noteFailure } from './trouble.ts'

/** After this long in service the specs (labels, version, resources) are read again with a refresh. */
const specsMaxAgeMs = 5 * 60_000

/** How long an engine that the cluster did not let in waits for its next try. */
const rejectedRetryMs = 30_000

/**
 * A change of a container comes with several events, and often with a call of ours: it is read once for all that come
 * within this time, at once when somebody waits for it.
 */
const gatherMs = 25

/** News older than this were meant for the stream before. */
const staleNewsMs = 5000

/** Containers whose details are read with one fetch. */
const detailsPerFetch = 32

const lists: readonly Fetch[] = [{ what: 'containers' }, { what: 'volumes' }, { what: 'networks' }, { what: 'images' }]

/** One step of the reducer under construction: the state so far and the effects collected. Lives for one message. */
export class Step {
  state: EngineState
  readonly effects: Effect[] = []
  readonly context: StepContext
  private readonly before: NodeView
  /** The copy that changes go to, made with the first of them: nobody but this step has seen it yet. */
  private own: EngineState | undefined

  constructor(state: EngineState, context: StepContext) {
    this.state = state
    this.context = context
    this.before = state.node
  }

  /** Stamps a node that changed, and tells the cluster once a first reading is complete. */
  finish(): void {
    if (this.state.phase === 'loading' && this.state.isStreaming && this.isRead()) {
      this.set({ phase: 'loaded' })
      this.effects.push({ kind: 'loaded' })
    }
    const { health, stateSinceMs } = this.state.node
    if (stateSinceMs === 0 || health.state !== this.before.health.state)
      this.setNode({ stateSinceMs: this.context.nowMs })
    if (this.state.node !== this.before) this.setNode({ updatedAtMs: this.context.nowMs })
  }

  /** Every list is in. Details of containers follow: until then nothing is placed there (see `Fleet.place`). */
  private isRead(): boolean {
    return !lists.some((list) => this.state.flights.has(keyOf(list)))
  }

  /** A read failed although the engine answers. @param isFirst nothing else waits to be read again */
  complain(what: Fetch['what'], text: string, isFirst: boolean): void {
    const { trouble, isNews } = noteFailure(this.state.trouble, what, this.context.nowMs)
    // A probe that is answered badly is no reason to read anything later, and lists that fail together count once.
    const isCounted = isFirst && what !== 'ping'
    this.set({ trouble: isCounted ? trouble : { ...this.state.trouble, toldMs: trouble.toldMs } })
    if (isNews) this.log('warn', `cannot read ${what} of engine ${this.state.node.name}: ${text}`)
  }

  /** A list has come. */
  listed(): void {
    if (!this.state.needsRelist && this.isRead()) this.set({ trouble: endTrouble(this.state.trouble) })
  }

  set(change: Partial<EngineState>): void {
    this.own ??= copyState(this.state)
    this.state = Object.assign(this.own, change)
  }

  setNode(change: Partial<NodeView>): void {
    this.set({ node: changeNode(this.state.node, change) })
  }

  log(level: 'info' | 'warn' | 'error', message: string): void {
    this.effects.push({ kind: 'log', level, message })
  }

  /** @param isPatient it may be gathered with others of the same thing */
  fetch(fetch: Fetch, isPatient = false): void {
    const { flights, start, isQueued } = want(this.state.flights, fetch, isPatient)
    this.set({ flights })
    if (start !== undefined) this.start(start)
    if (!isQueued) return
    this.effects.push({ kind: 'queued', fetch })
    if (this.state.tickets.reads === 0) this.wake('reads', gatherMs)
  }

  /** Reads something that changed. An engine that is out of service is read as a whole before anybody sees it again. */
  readAgain(fetch: Fetch): void {
    if (this.state.phase === 'idle' || this.state.phase === 'specs') return
    this.fetch(fetch, fetch.what === 'container')
  }

  private start(fetch: Fetch): void {
    this.effects.push({ kind: 'fetch', epoch: this.state.epoch, fetch })
  }

  /** Asks for everything that has been gathered. */
  beginReads(): void {
    const { flights, started } = begin(this.state.flights)
    this.set({ flights })
    for (const fetch of started) this.start(fetch)
  }

  /** Notes containers whose inspect replies are wanted. */
  wantDetails(ids: readonly string[]): void {
    if (ids.length > 0) this.set({ unread: [...new Set([...this.state.unread, ...ids])] })
    this.fetchDetails()
  }

  /** One fetch of details at a time; the next follows when it has landed. */
  fetchDetails(): void {
    const { unread, flights } = this.state
    if (unread.length === 0 || flights.has('details')) return
    this.set({ unread: unread.slice(detailsPerFetch) })
    this.fetch({ what: 'details', ids: unread.slice(0, detailsPerFetch) })
  }

  fetchLists(): void {
    this.set({ needsRelist: false })
    for (const list of lists) this.fetch(list)
  }

  wake(reason: WakeReason, afterMs: number): void {
    const ticket = this.state.lastTicket + 1
    this.set({ lastTicket: ticket, tickets: { ...this.state.tickets, [reason]: ticket } })
    this.effects.push({ kind: 'wake', epoch: this.state.epoch, reason, ticket, afterMs })
  }

  // --- life cycle ---

  startValidation(): void {
    if (this.state.phase !== 'idle') return
    this.newEpoch()
    this.set({ phase: 'specs' })
    this.fetch({ what: 'specs' })
  }

  /** Specs are in: everything else is read once events flow, so that nothing can slip between. */
  startLoading(engineTimeMs: number): void {
    // Should the stream break before the first event, it is resumed from here.
    const since = engineTimeMs === 0 ? undefined : `${String(Math.trunc(engineTimeMs / 1000))}.000000000`
    this.set({ phase: 'loading', isStreaming: false, since })
    this.effects.push({ kind: 'open-events', epoch: this.state.epoch, since: undefined })
  }

  failValidation(text: string, retryMs?: number): void {
    this.newEpoch()
    this.effects.push({ kind: 'close' })
    this.set({ phase: 'idle', tries: this.state.tries + 1, node: { ...emptyNode(this.state.node), errorText: text } })
    this.wake('validate', retryMs ?? validateDelayMs(this.state.tries, this.context))
  }

  admit(): void {
    if (this.state.phase !== 'loaded') return
    this.set({ phase: 'ready', tries: 0 })
    this.setNode({ health: goodHealth, errorText: '' })
    this.log('info', `Registered Engine ${this.state.node.name} at ${this.state.addr}`)
    this.effects.push({ kind: 'announce', action: 'engine_connect' })
    this.wake('probe', probeDelayMs(goodHealth, this.state.options, this.context))
    this.wake('refresh', refreshDelayMs(goodHealth, this.state.options, this.context))
  }

  reject(text: string): void {
    if (this.state.phase !== 'loaded') return
    if (text !== this.state.node.errorText) this.log('warn', text)
    this.failValidation(text, rejectedRetryMs)
  }

  /** Out of service, to be validated anew: it is not the engine it was. */
  restart(text: string): void {
    this.log('error', text)
    if (this.state.phase === 'ready') this.effects.push({ kind: 'announce', action: 'engine_disconnect' })
    this.failValidation(text, 1000)
  }

  remove(): void {
    const wasReady = this.state.phase === 'ready'
    this.newEpoch()
    this.set({
      phase: 'removed',
      node: { ...emptyNode(this.state.node), pending: [], health: { ...freshHealth, state: 'disconnected' } },
    })
    this.effects.push({ kind: 'close' })
    this.log('info', `Removed Engine ${this.state.node.name || this.state.addr}`)
    if (wasReady) this.effects.push({ kind: 'announce', action: 'engine_disconnect' })
  }

  private newEpoch(): void {
    const tickets = { probe: 0, refresh: 0, validate: 0, events: 0, reads: 0, silence: 0 }
    const epoch = this.state.epoch + 1
    const stream = { isStreaming: false, isRenewing: false, since: undefined, resumedAt: undefined }
    const flights = new Map()
    this.set({ epoch, tickets, flights, unread: [], needsRelist: false, trouble: noTrouble, ...stream })
  }

  // --- health ---

  succeed(): void {
    if (this.state.phase !== 'ready') return
    const { health } = this.state.node
    if (health.failures > 0) {
      this.setNode({ health: goodHealth, errorText: '' })
      if (health.state === 'unhealthy') this.recover(health.failures)
    }
  }

  /** The engine answered a probe: what could not be read before is read again, once per probe. */
  probed(): void {
    if (this.state.phase !== 'ready') return
    const { needsRelist, isStreaming, trouble } = this.state
    if (needsRelist && isStreaming && mayReadAgain(trouble, this.context.nowMs)) this.fetchLists()
    this.wake('probe', probeDelayMs(this.state.node.health, this.state.options, this.context))
  }

  private recover(failures: number): void {
    this.log('info', `Engine came back to life after ${String(failures)} retries. Hooray!`)
    this.effects.push({ kind: 'announce', action: 'engine_reconnect' })
    this.set({ isStreaming: false, isRenewing: false, needsRelist: true, trouble: endTrouble(this.state.trouble) })
    // Lists follow when the stream is up.
    this.effects.push({ kind: 'open-events', epoch: this.state.epoch, since: this.state.since })
    this.fetch({ what: 'specs' })
    this.wake('probe', probeDelayMs(goodHealth, this.state.options, this.context))
    // While it was away the pause between two refreshes has grown to hours.
    this.wake('refresh', refreshDelayMs(goodHealth, this.state.options, this.context))
  }

  fail(failure: Failure): void {
    if (this.state.phase !== 'ready' || !failure.isConnection) return
    const { health } = this.state.node
    const next = failHealth(health, this.state.options.failureRetry)
    this.setNode({ health: next, errorText: failure.text })
    if (next.state === 'unhealthy' && health.state === 'healthy') {
      this.log('error', `Flagging engine as unhealthy. Connect failed ${String(next.failures)} times`)
      this.effects.push({ kind: 'announce', action: 'engine_disconnect' })
    }
    // The first failure brings the next probe forward; later ones must not push it back.
    if (health.failures === 0 || this.state.tickets.probe === 0) {
      this.wake('probe', probeDelayMs(next, this.state.options, this.context))
    }
  }

  wakeUp(reason: WakeReason, ticket: number): void {
    if (this.state.tickets[reason] !== ticket) return
    this.set({ tickets: { ...this.state.tickets, [reason]: 0 } })
    switch (reason) {
      case 'validate':
        return this.startValidation()
      case 'probe':
        return this.fetch({ what: 'ping', isPatient: this.state.node.health.state !== 'healthy' })
      case 'events':
        return this.reopenStream()
      case 'refresh':
        return this.refresh()
      case 'reads':
        return this.beginReads()
      case 'silence':
        return this.renewStream()
    }
  }

  private refresh(): void {
    const { health } = this.state.node
    this.wake('refresh', refreshDelayMs(health, this.state.options, this.context))
    // An engine that does not answer is only probed; it is read again when it comes back.
    if (health.state !== 'healthy') return
    // Either way: a clock that was set back must not keep specs for as long as it was ahead.
    if (Math.abs(this.context.nowMs - this.state.specsAtMs) >= specsMaxAgeMs) this.fetch({ what: 'specs' })
    this.fetchLists()
  }

  // --- events ---

  openStream(): void {
    if (this.state.phase !== 'loading' && this.state.phase !== 'ready') return
    const { isRenewing } = this.state
    this.set({ isStreaming: true, isRenewing: false, resumedAt: this.state.since, heardAtMs: this.context.nowMs })
    this.wake('silence', this.state.options.silenceMs)
    // The engine tells again what happened since its last event: was that nothing, there was no gap.
    this.set({ isSuspect: isRenewing })
    if (isRenewing) return
    this.closeGap()
  }

  /** Something may have happened that was not told. */
  private closeGap(): void {
    this.set({ flights: repeatSingles(this.state.flights) })
    // A stream breaks when an engine restarts, and it may have come back as somebody else.
    if (this.state.phase === 'ready') this.fetch({ what: 'specs' })
    this.fetchLists()
  }

  closeStream(failure: Failure | undefined): void {
    this.set({ isStreaming: false, isRenewing: false })
    if (this.state.phase === 'loading') {
      return this.failValidation(failure?.text ?? 'the event stream ended while the engine was being read')
    }
    if (this.state.phase !== 'ready') return
    // Either the engine is gone, which the probe tells at once, or only the stream broke.
    this.fetch({ what: 'ping' })
    this.wake('events', eventsDelayMs(this.state.node.health))
  }

  private reopenStream(): void {
    if (this.state.phase !== 'ready' || this.state.isStreaming || this.state.node.health.state !== 'healthy') return
    this.effects.push({ kind: 'open-events', epoch: this.state.epoch, since: this.state.since })
  }

  /** A stream that has been silent may be one that ended without a word, behind a firewall or a cable. */
  private renewStream(): void {
    const { phase, isStreaming, heardAtMs, since, options } = this.state
    if (!isStreaming || (phase !== 'ready' && phase !== 'loading')) return
    const leftMs = heardAtMs + options.silenceMs - this.context.nowMs
    // A clock that jumped is no reason to wait longer than once.
    const isOver = leftMs <= 0 || leftMs > options.silenceMs
    const isUsable = phase === 'ready' && since !== undefined && this.state.node.health.state === 'healthy'
    if (!isOver || !isUsable) return this.wake('silence', isOver ? options.silenceMs : leftMs)
    this.set({ isRenewing: true })
    this.effects.push({ kind: 'open-events', epoch: this.state.epoch, since })
  }

  takeEvent(event: Fields): void {
    const heardAtMs = this.context.nowMs
    const since = toSince(event)
    this.set(since === undefined ? { heardAtMs } : { heardAtMs, since })
    if (this.state.phase === 'idle' || this.state.phase === 'specs') return
    for (const fetch of listStale(event)) {
      if (!this.isKnownNetwork(event, fetch)) this.fetch(fetch, fetch.what === 'container')
    }
    const isRepeated = since !== undefined && since === this.state.resumedAt
    if (this.state.isSuspect && !isRepeated) this.judgeRenewal(event)
    if (this.state.phase === 'ready' && !isRepeated) this.effects.push({ kind: 'forward', event })
  }

  /** The first news of a renewed stream: if it is old, the stream before had ended, and the engine remembers only so much. */
  private judgeRenewal(event: Fields): void {
    this.set({ isSuspect: false })
    const ageMs = this.context.nowMs - this.state.node.clockDeltaMs - readNumber(event, 'time') * 1000
    if (ageMs < staleNewsMs) return
    this.log('warn', `The event stream of engine ${this.state.node.name} had ended without a word`)
    this.closeGap()
  }

  /** A network of one node does not change by who is on it; of one that spans nodes a node may let go. */
  private isKnownNetwork(event: Fields, fetch: Fetch): boolean {
    if (fetch.what !== 'network') return false
    const action = readText(event, 'Action')
    if (action !== 'connect' && action !== 'disconnect') return false
    return this.state.node.networks.some((each) => each.id === fetch.id && each.scope === 'local')
  }

  // --- what our own calls did ---

  adopt(container: ContainerView): void {
    this.set({ flights: touch(this.state.flights, 'containers', container.id) })
    if (findContainer(this.state.node, container.id) === undefined) {
      this.set({ node: putContainer(this.state.node, container) })
    }
  }

  assume(id: string, change: Partial<ContainerView>): void {
    const container = findContainer(this.state.node, id)
    if (container === undefined) return
    const fetch: Fetch = { what: 'container', id, isInspected: true }
    this.set({
      flights: touch(overrule(this.state.flights, fetch), 'containers', id),
      node: putContainer(this.state.node, changeContainer(container, change)),
    })
  }

  mark(mark: NodeMark): void {
    this.set({ mark })
    this.setNode({ availability: mark.availability, labels: markLabels(this.state.engineLabels, mark) })
  }

  forget(id: string): void {
    const fetch: Fetch = { what: 'container', id, isInspected: false }
    this.set({
      flights: touch(overrule(this.state.flights, fetch), 'containers', id),
      node: dropContainer(this.state.node, id),
    })
  }
}

/** `seconds.nanoseconds`: what `GET /events?since=` takes. Nanoseconds beyond a double's precision are cut off. */
function toSince(event: Fields): string | undefined {
  const seconds = Math.trunc(readNumber(event, 'time'))
  if (seconds === 0) return undefined
  const nanos = Math.max(0, Math.min(999_999_999, readNumber(event, 'timeNano') - seconds * 1e9))
  return `${String(seconds)}.${String(Math.trunc(nanos)).padStart(9, '0')}`
}
