import { changeNode } from '../copies.ts'
import type { NodeView } from '../model.ts'
import { copyState } from './copy-state.ts'
import { begin, want } from './flights.ts'
import { keyOf } from './messages.ts'
import type { Effect, Fetch, StepContext, WakeReason } from './messages.ts'
import type { EngineState } from './state.ts'

/**
 * A change of a container comes with several events, and often with a call of ours: it is read once for all that come
 * within this time, at once when somebody waits for it.
 */
const gatherMs = 25

/** Containers whose details are read with one fetch. */
const detailsPerFetch = 32

const lists: readonly Fetch[] = [{ what: 'containers' }, { what: 'volumes' }, { what: 'networks' }, { what: 'images' }]

/**
 * One step of the reducer under construction: the state so far and the effects collected. Lives for one message. What a
 * message means is in `life-cycle.ts`, `answers.ts`, `stream.ts`, `wake-up.ts`, `own-changes.ts` and `receive.ts`.
 */
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
  isRead(): boolean {
    return !lists.some((list) => this.state.flights.has(keyOf(list)))
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
}
