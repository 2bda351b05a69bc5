import type { Clock, Random } from '../core/clock.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { parseEndpoint } from '../engine/endpoint-parse.ts'
import type { Endpoint, TlsMaterial } from '../engine/endpoint.ts'
import type { Engine } from '../engine/engine.ts'
import { makeEngineEvent, toClusterEvent } from './cluster-event.ts'
import type { EventHub } from './event-hub.ts'
import type { Fleet, FleetEffect } from './fleet.ts'
import type { CallLimits, EngineLimits } from './limits.ts'
import { Member } from './member.ts'
import type { OuterEffect } from './member.ts'
import type { NodeView } from './model.ts'
import type { TurnedAway } from './turned-away.ts'
import { Gate } from './watch/gate.ts'
import type { Effect, Message, StepContext } from './watch/messages.ts'

/** What it takes to talk to engines. */
export interface MembersOptions {
  readonly limits: EngineLimits & CallLimits
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly env: Readonly<Record<string, string | undefined>>
  /** Client certificates for the engines. */
  readonly engineTls?: TlsMaterial
  openEngine(endpoint: Endpoint): Engine
  /** The address a host name stands for. */
  resolveIp(host: string): Promise<string>
}

/** What members work on together. */
export interface MembersShare {
  readonly fleet: Fleet
  readonly events: EventHub
  readonly turnedAway: TurnedAway
  /** More is known of an engine, or it has left. */
  readonly onNews: (addr: string) => void
}

/** Engines read at the same time when many join at once. */
const parallelReads = 64
/** Engines whose containers are described at the same time, in the background. */
const parallelDetails = 16

/** Of all engines together; beside these each has one for its events. */
const mostIdle = 8192

/**
 * Idle connections that are kept to each of so many engines: with thousands, what is kept must not take the files that
 * clients need, and what is asked seldom may be connected to anew.
 */
export function keptConnections(engines: number): number {
  return Math.min(16, Math.floor(mostIdle / Math.max(1, engines)))
}

/** What is open towards each engine of a cluster: carries to the fleet what they say, and out what the fleet decides. */
export class Members {
  readonly #o: MembersOptions
  readonly #share: MembersShare
  readonly #gate: Gate
  readonly #byAddr = new Map<string, Member>()

  constructor(options: MembersOptions, share: MembersShare) {
    this.#o = options
    this.#share = share
    this.#gate = new Gate({ clock: options.clock, limit: parallelReads, backLimit: parallelDetails })
  }

  get size(): number {
    return this.#byAddr.size
  }

  get(addr: string): Member | undefined {
    return this.#byAddr.get(addr)
  }

  /** @throws {cluster/unhealthy} when the node has just left */
  of(node: NodeView): Member {
    const member = this.#byAddr.get(node.addr)
    if (member !== undefined) return member
    throw new FlotillaError('cluster/unhealthy', `node ${node.name} has left the cluster`, { status: 503 })
  }

  /** The full set of engines: those no longer named go first, then new ones come. */
  setAddresses(addresses: readonly string[]): void {
    const { fleet } = this.#share
    const endpoints = this.#parse(addresses)
    const effects = fleet.setAddresses([...endpoints.keys()], this.context())
    for (const addr of fleet.addresses) {
      const endpoint = endpoints.get(addr)
      const node = fleet.node(addr)
      if (endpoint === undefined || node === undefined || this.#byAddr.has(addr)) continue
      this.#byAddr.set(addr, this.#open(addr, endpoint, node))
    }
    this.#perform(effects)
    this.#dropLeft()
  }

  /** Closes connections that nobody has used for a while. */
  sweep(): void {
    for (const member of this.#byAddr.values()) member.pool.sweep()
  }

  close(): void {
    for (const member of this.#byAddr.values()) member.close()
    this.#byAddr.clear()
  }

  /** What a decision of the fleet may need to know beside its state. */
  context(): StepContext {
    return { nowMs: this.#o.clock.nowMs(), random: this.#o.random.next() }
  }

  #parse(addresses: readonly string[]): ReadonlyMap<string, Endpoint> {
    const endpoints = new Map<string, Endpoint>()
    for (const addr of addresses) {
      try {
        endpoints.set(addr, parseEndpoint(addr, this.#o.engineTls))
      } catch (error) {
        this.#o.log.error(toMessage(error))
      }
    }
    return endpoints
  }

  #open(addr: string, endpoint: Endpoint, node: NodeView): Member {
    const { fleet, events, turnedAway } = this.#share
    const hasHost = endpoint.kind === 'tcp' || endpoint.kind === 'ssh'
    const member: Member = new Member(
      {
        addr,
        endpoint,
        engine: this.#o.openEngine(endpoint),
        clock: this.#o.clock,
        log: this.#o.log,
        env: this.#o.env,
        gate: this.#gate,
        turnedAway,
        limits: this.#o.limits,
        resolveIp: () => (hasHost ? this.#o.resolveIp(endpoint.host) : Promise.resolve('127.0.0.1')),
        isHeard: () => events.size > 0,
        view: () => fleet.node(addr),
        step: (message) => this.#step(addr, message),
        onEffect: (effect) => this.#performOuter(member, effect),
      },
      node,
    )
    return member
  }

  #step(addr: string, message: Message): readonly Effect[] {
    const { fleet, onNews } = this.#share
    const own: Effect[] = []
    for (const { addr: about, effect } of fleet.dispatch(addr, message, this.context())) {
      if (about === addr) own.push(effect)
      else this.#byAddr.get(about)?.watch.perform(effect)
    }
    onNews(addr)
    if (fleet.state(addr) === undefined) queueMicrotask(() => this.#dropLeft())
    return own
  }

  #perform(effects: readonly FleetEffect[]): void {
    for (const { addr, effect } of effects) this.#byAddr.get(addr)?.watch.perform(effect)
  }

  #dropLeft(): void {
    for (const [addr, member] of this.#byAddr) {
      if (this.#share.fleet.state(addr) !== undefined) continue
      this.#byAddr.delete(addr)
      member.close()
      this.#share.onNews(addr)
    }
  }

  #performOuter(member: Member, effect: OuterEffect): void {
    const { events } = this.#share
    switch (effect.kind) {
      case 'log':
        this.#o.log[effect.level](effect.message, { name: member.view.name, id: member.view.engineId })
        return
      case 'forward':
        events.publish(() => toClusterEvent(effect.event, member.view))
        return
      case 'announce':
        if (effect.action === 'engine_disconnect') member.pool.dropIdle()
        events.announce(makeEngineEvent(effect.action, member.view, this.#o.clock.nowMs()))
        return
      default:
    }
  }
}
