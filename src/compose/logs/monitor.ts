import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { joinSignals } from '../../io/join-signals.ts'
import { inspectContainer } from '../../engine/api/containers.ts'
import { watchEvents } from '../../engine/api/events.ts'
import { attachContainer } from '../../engine/api/streams.ts'
import type { LogsQuery } from '../../engine/api/streams.ts'
import type { EngineEvent } from '../../engine/api/types-resource.ts'
import type { Engine } from '../../engine/engine.ts'
import { LABEL } from '../plan/label.ts'
import { toLogName } from '../translate/name.ts'
import type { LogSink } from './sink.ts'
import { pump, streamLogs, waitUntilDrained } from './stream.ts'
import type { Flow } from './stream.ts'

/** The end of a container. */
export interface Exit {
  readonly id: string
  readonly name: string
  readonly service: string
  readonly code: number
  /** The engine starts it again. */
  readonly isRestarting: boolean
}

export interface ShownContainer {
  readonly id: string
  readonly name: string
  readonly service: string
}

export interface MonitorOptions {
  readonly project: string
  readonly sink: LogSink
  readonly clock: Clock
  /** Services whose containers are watched. */
  readonly services: ReadonlySet<string>
  /** Those of them whose output is shown. */
  readonly shown: ReadonlySet<string>
  /** Services whose ends together are the end of all; absent: those that are shown. */
  readonly awaited?: ReadonlySet<string>
  /** Write `web-1 exited with code 0` lines. */
  readonly hasNotes: boolean
  /** Put the engine's times before lines that are read from logs. */
  readonly timestamps?: boolean
  readonly onExit?: (exit: Exit) => void
}

/** The attached part of `up`: shows output and knows when everything has ended. */
export interface Monitor {
  /** Subscribes to events: nothing that happens later is missed. */
  open(): Promise<void>
  /** Watches a container, and shows its output from now on; call it before the start to miss nothing. */
  attach(container: ShownContainer): Promise<void>
  /** Watches a running container and shows its log, from before as the query says, and on. */
  replay(container: ShownContainer, query: LogsQuery): void
  /** Everything that is to be watched from the start is: what has ended until then need not have been all. */
  complete(): void
  /** Resolves, not before `complete`, when every container that is awaited (without any, every one) has ended for good. */
  readonly ended: Promise<void>
  /** Resolves when what has ended so far is shown to its end, however long a slow reader takes. */
  drained(): Promise<void>
  /** Runs a body that restarts or replaces containers of its own accord: their ends meanwhile are no ends. */
  during(body: () => Promise<void>): Promise<void>
  /** Ends the streams. Idempotent. */
  close(): void
}

interface Watched {
  readonly name: string
  readonly label: string
  readonly service: string
  output: Promise<void>
  flow: Flow
  isStreaming: boolean
  /** The start whose output is shown from its beginning has not been heard of: events of a fleet may come after the end of it. */
  awaitsStart: boolean
  hasEnded: boolean
  /** Another container has been made in its place. */
  isReplaced: boolean
  /** Time of its last end as the engine counts it; what its log holds from before has been shown. */
  lastEnd?: string
}

export function makeMonitor(engine: Engine, options: MonitorOptions, o: CallOptions): Monitor {
  return new ProjectMonitor(engine, options, o)
}

class ProjectMonitor implements Monitor {
  readonly ended: Promise<void>
  readonly #engine: Engine
  readonly #options: MonitorOptions
  readonly #closing = new AbortController()
  readonly #call: { readonly signal: AbortSignal }
  readonly #watched = new Map<string, Watched>()
  /** Ends that have been heard of and are not shown yet. */
  readonly #ends = new Set<Promise<void>>()
  /** Bodies of `during` that run. */
  #holds = 0
  #isComplete = false
  #resolveEnded: () => void = () => {}
  #rejectEnded: (error: unknown) => void = () => {}

  constructor(engine: Engine, options: MonitorOptions, o: CallOptions) {
    this.#engine = engine
    this.#options = options
    this.#call = { signal: joinSignals(this.#closing.signal, o.signal) }
    this.ended = new Promise((resolve, reject) => {
      this.#resolveEnded = resolve
      this.#rejectEnded = reject
    })
    this.ended.catch(() => {})
  }

  async open(): Promise<void> {
    const filters = {
      type: ['container'],
      label: [`${LABEL.project}=${this.#options.project}`],
      event: ['create', 'start', 'die', 'destroy'],
    }
    const events = await watchEvents(this.#engine, { filters }, this.#call)
    void this.#follow(events)
  }

  replay(container: ShownContainer, query: LogsQuery): void {
    const { id, name, service } = container
    const watched = this.#watch(id, name, service)
    this.#showLog(watched, id, { ...query, follow: true })
  }

  async attach(container: ShownContainer): Promise<void> {
    const { id, name, service } = container
    const known = this.#watched.get(id)
    if (known?.isStreaming === true) return
    const watched = this.#watch(id, name, service)
    if (!this.#options.shown.has(service)) return
    this.#options.sink.announce(watched.label)
    const stream = await attachContainer(this.#engine, id, {}, this.#call)
    watched.awaitsStart = true
    this.#show(watched, (flow) => pump(stream.output, watched.label, this.#options.sink, flow))
    // Not on the controller's own signal, which would warn of more than ten containers.
    this.#call.signal.addEventListener('abort', () => stream.socket.destroy(), { once: true })
  }

  async during(body: () => Promise<void>): Promise<void> {
    this.#holds += 1
    try {
      await body()
    } finally {
      // The event of a start may be on its way.
      for (const [id, watched] of this.#watched) {
        if (watched.hasEnded && (await this.#isAlive(id))) watched.hasEnded = false
      }
      this.#holds -= 1
      this.#endWithLast()
    }
  }

  async drained(): Promise<void> {
    await Promise.all(this.#ends)
  }

  complete(): void {
    this.#isComplete = true
    this.#endWithLast()
  }

  close(): void {
    this.#closing.abort()
    this.#resolveEnded()
  }

  #watch(id: string, name: string, service: string): Watched {
    const label = toLogName(this.#options.project, service, name)
    const watched = this.#watched.get(id) ?? {
      name,
      label,
      service,
      output: Promise.resolve(),
      flow: { pieces: 0, isHeldUp: false },
      isStreaming: false,
      awaitsStart: false,
      hasEnded: false,
      isReplaced: false,
    }
    watched.hasEnded = false
    this.#watched.set(id, watched)
    return watched
  }

  #endWithLast(): void {
    if (!this.#isComplete || this.#holds > 0) return
    const all = [...this.#watched.values()]
    const { shown, awaited: services = shown } = this.#options
    const awaited = all.filter((watched) => services.has(watched.service))
    if ((awaited.length > 0 ? awaited : all).every((watched) => watched.hasEnded)) this.#resolveEnded()
  }

  #showLog(watched: Watched, id: string, query: LogsQuery): void {
    const source = { id, label: watched.label }
    this.#show(watched, (flow) => streamLogs(this.#engine, source, query, this.#options.sink, this.#call, flow))
  }

  #show(watched: Watched, copy: (flow: Flow) => Promise<void>): void {
    watched.isStreaming = true
    watched.flow = { pieces: 0, isHeldUp: false }
    // A stream that breaks is followed by an event, or by the end of the event stream, which tells more.
    watched.output = copy(watched.flow)
      .catch(() => {})
      .finally(() => {
        watched.isStreaming = false
      })
  }

  async #follow(events: AsyncIterable<EngineEvent>): Promise<void> {
    try {
      for await (const event of events) {
        if (event.Action === 'create') this.#onCreate(event)
        else if (event.Action === 'start') this.#onStart(event)
        else if (event.Action === 'die' || event.Action === 'destroy') this.#take(this.#onEnd(event))
      }
      if (!this.#closing.signal.aborted) throw new Error('the event stream ended')
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#rejectEnded(error)
    }
  }

  /** A container that takes the place of one that is watched: the end of the old one is not the end. */
  #onCreate(event: EngineEvent): void {
    const attributes = event.Actor.Attributes ?? {}
    const replaced = attributes[LABEL.replace]
    const service = attributes[LABEL.service] ?? ''
    if (replaced === undefined || !this.#options.services.has(service) || this.#watched.has(event.Actor.ID)) return
    const old = [...this.#watched.values()].find(({ label, hasEnded }) => label === replaced && !hasEnded)
    if (old === undefined) return
    old.isReplaced = true
    this.#watch(event.Actor.ID, old.name, service)
    if (this.#options.hasNotes && this.#options.shown.has(service)) {
      this.#options.sink.note(`${old.label} has been recreated`)
    }
  }

  /** A restart, or a container that someone else added to the project: its log from this start on. */
  #onStart(event: EngineEvent): void {
    const id = event.Actor.ID
    const attributes = event.Actor.Attributes ?? {}
    const service = attributes[LABEL.service] ?? ''
    const known = this.#watched.get(id)
    const wasAwaited = known?.awaitsStart === true
    if (known !== undefined) known.awaitsStart = false
    // Also when it has ended since; a stream that ended before the start has shown nothing.
    if (wasAwaited && known.flow.pieces > 0) return
    if (known?.isStreaming === true || !this.#options.services.has(service)) return
    if (attributes[LABEL.oneOff] === 'True') return
    // Of one that was seen to end what came after that, of any other what it says from now on.
    const since = known?.lastEnd ?? String(event.time)
    const watched = this.#watch(id, attributes['name'] ?? id.slice(0, 12), service)
    if (!this.#options.shown.has(service)) return
    const query = {
      follow: true,
      since,
      ...(this.#options.timestamps === true && { timestamps: true }),
    }
    this.#showLog(watched, id, query)
  }

  #take(end: Promise<void>): void {
    this.#ends.add(end)
    void end.finally(() => this.#ends.delete(end))
  }

  async #onEnd(event: EngineEvent): Promise<void> {
    const watched = this.#watched.get(event.Actor.ID)
    if (watched === undefined) return
    watched.awaitsStart = false
    if (watched.hasEnded) return
    if (event.Action === 'die') watched.lastEnd = toLogTime(event)
    const { sink, onExit } = this.#options
    await waitUntilDrained(watched, this.#options.clock, this.#closing.signal)
    const code = Number(event.Actor.Attributes?.['exitCode'] ?? 0)
    const willRestart = event.Action === 'die' && (await this.#isAlive(event.Actor.ID))
    if (event.Action === 'die' && this.#options.hasNotes && this.#options.shown.has(watched.service)) {
      sink.note(`${watched.label} exited with code ${code}${willRestart ? ' (restarting)' : ''}`)
    }
    if (watched.hasEnded) return
    watched.hasEnded = !willRestart
    if (!watched.isReplaced && this.#holds === 0) {
      const { name, service } = watched
      onExit?.({ id: event.Actor.ID, name, service, code, isRestarting: willRestart })
    }
    if (watched.hasEnded) this.#endWithLast()
  }

  async #isAlive(id: string): Promise<boolean> {
    try {
      const { State: state } = await inspectContainer(this.#engine, id, {}, this.#call)
      return state.Restarting || state.Running
    } catch {
      return false
    }
  }
}

/** Seconds with a fraction, as the logs call takes them. */
function toLogTime({ time, timeNano }: EngineEvent): string {
  return `${time}.${String(timeNano % 1e9).padStart(9, '0')}`
}
