import { networkInterfaces } from 'node:os'
import type { Clock, Random } from '../../core/clock.ts'
import { waitAtMost } from '../../core/deadline.ts'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { ClusterSnapshot, ContainerView, NodeView, PortProtocol } from '../model.ts'
import { isTaken } from './choose-ports.ts'
import type { PortRange } from './choose-ports.ts'
import { findForwards, findForwardsOf, keyOf, orderTargets } from './find-forwards.ts'
import type { PortForward, Target, Unforwarded } from './find-forwards.ts'
import type { Relay, RelayOptions } from './relay.ts'

/** How the ports that containers publish become ports of the manager. */
export interface PortOptions {
  /** IP addresses of the manager that are listened on. */
  readonly hosts: readonly string[]
  /** Where numbers are taken from that nobody has asked for: above those of outgoing connections. */
  readonly range: PortRange
  /** Addresses of this machine; those of its interfaces when absent. */
  readonly here?: () => ReadonlySet<string>
}

export const defaultPortRange: PortRange = { from: 61_000, to: 65_535 }

export interface PortForwarderOptions extends PortOptions {
  snapshot(): ClusterSnapshot
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** One forwarded port as operators see it. */
export interface ForwardState {
  readonly forward: PortForward
  /** Connections, or peers of UDP. */
  readonly openCount: number
  /** Why the manager cannot listen there; empty when it does. */
  readonly problem: string
}

/** A port that could not be listened on is tried again after this. */
const retryMs = 10_000
/** A start is answered after this at the latest, whether its ports are open or not. */
const settleMs = 2000

interface Entry {
  forward: PortForward
  readonly relays: Relay[]
  opening: Promise<void>
  problem: string
  retryAtMs: number
  turn: number
  isClosed: boolean
}

/**
 * Keeps a port of the manager open for each port that containers publish somewhere in the cluster, so that a client finds
 * them where it finds the endpoint. Looks about once a second, and at once where a container is started through it.
 */
export class PortForwarder {
  readonly #o: PortForwarderOptions
  readonly #entries = new Map<string, Entry>()
  #seen: ClusterSnapshot | undefined
  #unforwarded: readonly Unforwarded[] = []
  #cursor: number

  constructor(options: PortForwarderOptions) {
    this.#o = options
    this.#cursor = Math.floor(options.random.next() * (options.range.to - options.range.from + 1))
  }

  get hosts(): readonly string[] {
    return this.#o.hosts
  }

  get range(): PortRange {
    return this.#o.range
  }

  list(): readonly ForwardState[] {
    return [...this.#entries.values()].map(({ forward, relays, problem }) => ({
      forward,
      problem,
      openCount: relays.reduce((sum, relay) => sum + relay.openCount, 0),
    }))
  }

  /** Ports that are published, but not here. */
  get unforwarded(): readonly Unforwarded[] {
    return this.#unforwarded
  }

  /** Called about once a second. */
  tick(): void {
    const snapshot = this.#o.snapshot()
    if (snapshot !== this.#seen) {
      this.#seen = snapshot
      this.#follow(snapshot)
    }
    const nowMs = this.#o.clock.monotonicMs()
    for (const entry of this.#entries.values()) {
      if (entry.problem !== '' && nowMs >= entry.retryAtMs) this.#open(entry)
      for (const relay of entry.relays) relay.sweep(nowMs)
    }
  }

  /** Leaves the numbers of a container that is about to start to its node, where that is this machine. */
  makeWay(node: NodeView, container: ContainerView): void {
    if (!this.#here().has(node.ip)) return
    for (const claim of container.ports) {
      const key = keyOf(claim.protocol, claim.from)
      const entry = this.#entries.get(key)
      if (entry === undefined) continue
      this.#entries.delete(key)
      this.#closeEntry(entry, false)
    }
  }

  /** Resolves when the ports of this node's containers are open, or cannot be. */
  async settle(node: NodeView): Promise<void> {
    if (this.#here().has(node.ip)) return
    const opening: Promise<void>[] = []
    for (const { isChosen, ...forward } of findForwardsOf(node)) {
      const entry = this.#entries.get(keyOf(forward.protocol, forward.port))
      if (entry === undefined) opening.push(this.#add(forward).opening)
      else if (!isChosen) addTargets(entry, forward.targets)
    }
    if (opening.length > 0) await waitAtMost(this.#o.clock, Promise.all(opening), settleMs)
  }

  /** A number between two that no container of the cluster has and this machine can listen on, as far as is known. */
  pick(protocol: PortProtocol, from: number, to: number): number | undefined {
    const { nodes } = this.#o.snapshot()
    const count = to - from + 1
    for (let tries = 0; tries < count; tries += 1) {
      // Going round: a number is not given again before its container shows.
      this.#cursor += 1
      const port = from + (this.#cursor % count)
      if (!isTaken(nodes, protocol, port) && !this.#entries.has(keyOf(protocol, port))) return port
    }
    return undefined
  }

  close(): void {
    for (const entry of this.#entries.values()) this.#closeEntry(entry, true)
    this.#entries.clear()
  }

  #here(): ReadonlySet<string> {
    return this.#o.here?.() ?? readOwnAddresses()
  }

  #follow({ nodes }: ClusterSnapshot): void {
    const { forwards, unforwarded } = findForwards(nodes, this.#here())
    this.#unforwarded = unforwarded
    for (const [key, entry] of this.#entries) {
      if (forwards.has(key)) continue
      this.#entries.delete(key)
      // What is connected may still be told the rest.
      this.#closeEntry(entry, false)
      this.#o.log.debug(`Port ${key} is not forwarded any more`)
    }
    for (const [key, forward] of forwards) {
      const entry = this.#entries.get(key)
      if (entry === undefined) this.#add(forward)
      else entry.forward = forward
    }
  }

  #add(forward: PortForward): Entry {
    const entry: Entry = {
      forward,
      relays: [],
      opening: Promise.resolve(),
      problem: '',
      retryAtMs: 0,
      turn: 0,
      isClosed: false,
    }
    this.#entries.set(keyOf(forward.protocol, forward.port), entry)
    this.#open(entry)
    return entry
  }

  #open(entry: Entry): void {
    entry.retryAtMs = Infinity
    entry.opening = this.#listen(entry).then(
      () => this.#noteOpen(entry),
      (error: unknown) => this.#noteFailure(entry, toMessage(error)),
    )
  }

  /** On all addresses or on none. */
  async #listen(entry: Entry): Promise<void> {
    const opened = await Promise.allSettled(this.#o.hosts.map((host) => this.#openRelay(entry, host)))
    for (const each of opened) if (each.status === 'fulfilled') entry.relays.push(each.value)
    const failed = opened.find((each) => each.status === 'rejected')
    if (failed === undefined && !entry.isClosed) return
    for (const relay of entry.relays.splice(0)) relay.close(true)
    if (failed !== undefined) throw failed.reason
  }

  async #openRelay(entry: Entry, host: string): Promise<Relay> {
    const { protocol, port } = entry.forward
    const options: RelayOptions = {
      host,
      port,
      nowMs: () => this.#o.clock.monotonicMs(),
      targets: (): readonly Target[] => orderTargets(entry.forward.targets, entry.turn++),
    }
    if (protocol === 'tcp') return (await import('./tcp-relay.ts')).openTcpRelay(options)
    return (await import('./udp-relay.ts')).openUdpRelay(options)
  }

  #noteOpen(entry: Entry): void {
    const { protocol, port, targets } = entry.forward
    if (entry.isClosed) return
    if (entry.problem !== '') this.#o.log.info(`Port ${keyOf(protocol, port)} is forwarded now`)
    else this.#o.log.debug(`Port ${keyOf(protocol, port)} is forwarded to ${targets.map(nameTarget).join(', ')}`)
    entry.problem = ''
  }

  #noteFailure(entry: Entry, message: string): void {
    entry.retryAtMs = this.#o.clock.monotonicMs() + retryMs
    if (entry.isClosed || entry.problem === message) return
    entry.problem = message
    const { protocol, port, targets } = entry.forward
    const behind = targets.map(nameTarget).join(', ')
    this.#o.log.warn(`Port ${keyOf(protocol, port)} of ${behind} is not forwarded: ${message}`)
  }

  #closeEntry(entry: Entry, isAbrupt: boolean): void {
    entry.isClosed = true
    for (const relay of entry.relays.splice(0)) relay.close(isAbrupt)
  }
}

function readOwnAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)))
}

function nameTarget({ node, container }: Target): string {
  return `${node}/${container}`
}

/** The newest first: it is there for certain, and what is known of others may be a second old. */
function addTargets(entry: Entry, targets: readonly Target[]): void {
  const ids = new Set(targets.map((each) => each.containerId))
  const others = entry.forward.targets.filter((each) => !ids.has(each.containerId))
  entry.forward = { ...entry.forward, targets: [...targets, ...others] }
}
