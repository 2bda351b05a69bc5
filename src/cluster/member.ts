import type { Clock } from '../core/clock.ts'
import { toMessage } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import type { Engine } from '../engine/engine.ts'
import { openTransport } from '../engine/transport/open.ts'
import { compareApiVersions } from '../engine/version.ts'
import { EnginePool } from './api/http1/pool.ts'
import type { ForwardTarget } from './api/forward-options.ts'
import type { CallLimits, EngineLimits } from './limits.ts'
import type { NodeView } from './model.ts'
import type { TurnedAway } from './turned-away.ts'
import { EngineWatch } from './watch/engine-watch.ts'
import { toFailure } from './watch/fetch.ts'
import type { Gate } from './watch/gate.ts'
import type { Effect, Fetch, Message } from './watch/messages.ts'

export interface MemberOptions {
  readonly addr: string
  readonly endpoint: Endpoint
  readonly engine: Engine
  readonly clock: Clock
  readonly log: Log
  readonly env: Readonly<Record<string, string | undefined>>
  readonly gate: Gate
  readonly turnedAway: TurnedAway
  readonly limits: EngineLimits & CallLimits
  resolveIp(): Promise<string>
  /** Whether somebody follows the events of the cluster. */
  isHeard(): boolean
  /** What is known of the engine now. */
  view(): NodeView | undefined
  /** Takes a message of this engine in. @returns what has to be done about this engine */
  step(message: Message): readonly Effect[]
  onEffect(effect: OuterEffect): void
}

/** Effects that concern the cluster rather than the engine. */
export type OuterEffect = Exclude<Effect, { readonly kind: 'fetch' | 'queued' | 'wake' | 'open-events' | 'close' }>

/** What is open towards one engine of the cluster: the loop that follows it, and connections for requests. */
export class Member implements ForwardTarget {
  readonly addr: string
  readonly endpoint: Endpoint
  readonly engine: Engine
  readonly limits: EngineLimits & CallLimits
  readonly pool: EnginePool
  readonly watch: EngineWatch
  readonly #o: MemberOptions
  #last: NodeView

  constructor(options: MemberOptions, first: NodeView) {
    this.#o = options
    this.#last = first
    this.addr = options.addr
    this.endpoint = options.endpoint
    this.engine = options.engine
    this.limits = options.limits
    this.pool = new EnginePool({
      name: () => this.name,
      dial: (signal) => openTransport(options.endpoint, signal, options.env),
      onUnreachable: (error) => this.onUnreachable(error),
      onFull: () => options.turnedAway.count('engine-queue'),
      limits: options.limits,
    })
    this.watch = new EngineWatch({
      engine: options.engine,
      clock: options.clock,
      gate: options.gate,
      readMs: options.limits.callSeconds * 1000,
      resolveIp: () => options.resolveIp(),
      isHeard: () => options.isHeard(),
      step: (message) => this.#step(message),
      onEffect: (effect) => options.onEffect(effect),
    })
  }

  /** The engine as it is known now; as it was last known once it has left. */
  get view(): NodeView {
    return this.#o.view() ?? this.#last
  }

  #step(message: Message): readonly Effect[] {
    const effects = this.#o.step(message)
    // Taken over at once: an older version would keep the older versions of all its containers in memory.
    this.#last = this.view
    return effects
  }

  /** Name of the engine's host; the address before it is known. */
  get name(): string {
    const { name } = this.view
    return name === '' ? this.addr : name
  }

  get isHealthy(): boolean {
    return this.view.health.state === 'healthy'
  }

  send(message: Message): void {
    this.watch.send(message)
  }

  touch(fetch: Fetch): Promise<void> {
    return this.watch.touch(fetch)
  }

  /** Ends everything that is open. */
  close(): void {
    this.watch.close()
    this.pool.close()
    void this.engine.close()
  }

  onAnswer(): void {
    if (this.view.health.failures > 0) this.send({ kind: 'called', failure: undefined })
  }

  /** A call broke: whether the engine is to blame is for a probe to find out, at once. */
  onBroken(error: unknown): void {
    this.#o.log.debug('call to an engine broke', { engine: this.name, error: toMessage(error) })
    this.send({ kind: 'touched', fetch: { what: 'ping' } })
  }

  onUnreachable(error: unknown): void {
    this.send({ kind: 'called', failure: { ...toFailure(error, false), isConnection: true } })
  }

  /**
   * The version prefix this engine is sent for a request made with `requested`: the same where the engine speaks
   * it, else the nearest that it does.
   */
  versionFor(requested: string | undefined): string {
    if (requested === undefined) return ''
    const { apiVersion, minApiVersion } = this.view
    // Nearly every request is made with the version that was advertised.
    if (requested === apiVersion) return `/v${requested}`
    if (apiVersion !== '' && compareApiVersions(requested, apiVersion) > 0) return `/v${apiVersion}`
    if (minApiVersion !== '' && compareApiVersions(requested, minApiVersion) < 0) return `/v${minApiVersion}`
    return `/v${requested}`
  }
}
