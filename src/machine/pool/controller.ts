import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { planPool } from './plan.ts'
import type { PoolMachine, PoolNode, PoolPlan, Waiting } from './plan.ts'
import type { Pool } from './pool.ts'

/** A node of the cluster as its endpoint shows it. */
export interface ClusterNode {
  readonly name: string
  /** HOST:PORT of its engine. */
  readonly addr: string
  readonly isHealthy: boolean
  readonly isClosed: boolean
  /** That keep a machine, those being made included. */
  readonly containers: number
  readonly nanoCpus: number
  readonly memoryBytes: number
}

/** What a pool does to the world. */
export interface PoolEdge {
  /** Machines of the pool that are in the store. `addr` is empty while it has none. */
  listMachines(): Promise<readonly { readonly name: string; readonly addr: string; readonly isUnfinished: boolean }[]>
  createMachine(name: string, o: CallOptions): Promise<void>
  removeMachine(name: string, o: CallOptions): Promise<void>
  /** Tells the endpoint where the pool's engines are. */
  announce(addrs: readonly string[]): Promise<void>
  readNodes(o: CallOptions): Promise<readonly ClusterNode[]>
  readWaiting(o: CallOptions): Promise<readonly Waiting[]>
  setClosed(node: string, isClosed: boolean, o: CallOptions): Promise<void>
  makeName(): string
}

const lookMs = 1000
const firstBackoffMs = 5000
const longestBackoffMs = 300_000
/** A container that was placed just before a node was closed shows by then. */
const closeSettleMs = 1500

function backoffMs(failures: number): number {
  return Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1))
}

/** Keeps a pool as large as there is work for, until the signal fires; creations under way are cancelled then. */
export class PoolController {
  readonly #pool: Pool
  readonly #edge: PoolEdge
  readonly #clock: Clock
  readonly #log: Log
  readonly #busy = new Map<
    string,
    { readonly phase: 'creating' | 'leaving'; readonly sinceMs: number; readonly done: Promise<void> }
  >()
  readonly #readySince = new Map<string, number>()
  readonly #idleSince = new Map<string, number>()
  readonly #joined = new Set<string>()
  /** Machines that could not be removed. */
  readonly #stuck = new Map<string, { readonly failures: number; readonly untilMs: number }>()
  readonly #hopeless = new Set<string>()
  #capacity: { readonly nanoCpus: number; readonly memoryBytes: number } | undefined
  #notBeforeMs = 0
  #failures = 0
  #trouble = ''

  constructor(pool: Pool, edge: PoolEdge, clock: Clock, log: Log) {
    this.#pool = pool
    this.#edge = edge
    this.#clock = clock
    this.#log = log
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look(signal)
        if (this.#trouble !== '') this.#log.info(`pool ${this.#pool.name}: the endpoint answers again`)
        this.#trouble = ''
      } catch (error) {
        if (signal.aborted) break
        const text = toMessage(error)
        if (text !== this.#trouble) this.#log.warn(`pool ${this.#pool.name}: ${text}`)
        this.#trouble = text
      }
      await this.#clock.sleep(lookMs, signal).catch(() => undefined)
    }
    await Promise.all([...this.#busy.values()].map((each) => each.done))
  }

  /** One look at everything, and the start of what follows from it. */
  async look(signal: AbortSignal): Promise<PoolPlan> {
    const o = { signal }
    const stored = await this.#edge.listMachines()
    const staying = stored.filter((each) => this.#busy.get(each.name)?.phase !== 'leaving' && !each.isUnfinished)
    await this.#edge.announce(staying.flatMap((each) => (each.addr === '' ? [] : [each.addr])))
    const [nodes, waiting] = await Promise.all([this.#edge.readNodes(o), this.#edge.readWaiting(o)])
    const machines = this.#describe(stored, nodes)
    for (const id of this.#hopeless) if (!waiting.some((each) => each.id === id)) this.#hopeless.delete(id)
    const plan = planPool({
      pool: this.#pool,
      machines,
      waiting,
      hopeless: this.#hopeless,
      ...(this.#capacity !== undefined && { capacity: this.#capacity }),
      nowMs: this.#clock.nowMs(),
      notBeforeMs: this.#notBeforeMs,
    })
    for (const id of plan.hopeless) {
      this.#hopeless.add(id)
      this.#log.warn(
        `pool ${this.#pool.name}: a machine of this pool does not help waiting container ${id.slice(0, 12)}`,
      )
    }
    for (const { name, why } of plan.remove) {
      const addr = stored.find((each) => each.name === name)?.addr ?? ''
      this.#remove(
        name,
        why,
        nodes.find((each) => each.addr === addr),
        signal,
      )
    }
    for (let count = 0; count < plan.create; count += 1) this.#create(signal)
    return plan
  }

  #describe(
    stored: Awaited<ReturnType<PoolEdge['listMachines']>>,
    nodes: readonly ClusterNode[],
  ): readonly PoolMachine[] {
    const nowMs = this.#clock.nowMs()
    const names = new Set(stored.map((each) => each.name))
    for (const known of [this.#readySince, this.#idleSince, this.#joined, this.#stuck]) {
      for (const name of known.keys()) if (!names.has(name)) known.delete(name)
    }
    const machines: PoolMachine[] = stored.map(({ name, addr, isUnfinished }) => {
      const busy = this.#busy.get(name)
      if (busy !== undefined) return { name, phase: busy.phase, sinceMs: busy.sinceMs }
      const untilMs = this.#stuck.get(name)?.untilMs
      const kept = { ...(untilMs !== undefined && { keptUntilMs: untilMs }) }
      if (isUnfinished) return { name, phase: 'broken', sinceMs: nowMs, ...kept }
      const sinceMs = this.#readySince.get(name) ?? nowMs
      this.#readySince.set(name, sinceMs)
      const node = addr === '' ? undefined : nodes.find((each) => each.addr === addr)
      if (node !== undefined) this.#joined.add(name)
      const seen = { ...(node !== undefined && { node: this.#watch(name, node, nowMs) }) }
      return { name, phase: 'ready', sinceMs, hasJoined: this.#joined.has(name), ...seen, ...kept }
    })
    // Before its record is written.
    for (const [name, { phase, sinceMs }] of this.#busy) if (!names.has(name)) machines.push({ name, phase, sinceMs })
    return machines
  }

  #watch(name: string, node: ClusterNode, nowMs: number): PoolNode {
    const { isHealthy, isClosed, containers, nanoCpus, memoryBytes } = node
    if (isHealthy && memoryBytes > 0) this.#capacity = { nanoCpus, memoryBytes }
    if (containers > 0 || !isHealthy) this.#idleSince.delete(name)
    else if (!this.#idleSince.has(name)) this.#idleSince.set(name, nowMs)
    const idleSinceMs = this.#idleSince.get(name)
    return { isHealthy, isClosed, containers, nanoCpus, memoryBytes, ...(idleSinceMs !== undefined && { idleSinceMs }) }
  }

  #create(signal: AbortSignal): void {
    const name = this.#edge.makeName()
    this.#log.info(`pool ${this.#pool.name}: making machine ${name}`)
    this.#start(name, 'creating', async () => {
      try {
        await this.#edge.createMachine(name, { signal })
        this.#failures = 0
        this.#log.info(`pool ${this.#pool.name}: machine ${name} is ready`)
      } catch (error) {
        if (signal.aborted) return
        this.#failures += 1
        const pauseMs = backoffMs(this.#failures)
        this.#notBeforeMs = this.#clock.nowMs() + pauseMs
        this.#log.error(
          `pool ${this.#pool.name}: cannot make machine ${name}, next try in ${pauseMs / 1000} s: ${toMessage(error)}`,
        )
      }
    })
  }

  #remove(name: string, why: string, node: ClusterNode | undefined, signal: AbortSignal): void {
    this.#start(name, 'leaving', async () => {
      try {
        if (node !== undefined && !(await this.#close(node, signal))) return
        this.#log.info(`pool ${this.#pool.name}: removing machine ${name}: ${why}`)
        await this.#edge.removeMachine(name, { signal })
      } catch (error) {
        if (signal.aborted) return
        const failures = (this.#stuck.get(name)?.failures ?? 0) + 1
        const pauseMs = backoffMs(failures)
        this.#stuck.set(name, { failures, untilMs: this.#clock.nowMs() + pauseMs })
        this.#log.error(
          `pool ${this.#pool.name}: cannot remove machine ${name}, next try in ${pauseMs / 1000} s: ${toMessage(error)}`,
        )
      }
    })
  }

  /** Closes a node and looks once more. @returns false when something had been put there meanwhile */
  async #close(node: ClusterNode, signal: AbortSignal): Promise<boolean> {
    await this.#edge.setClosed(node.addr, true, { signal })
    await this.#clock.sleep(closeSettleMs, signal)
    const now = (await this.#edge.readNodes({ signal })).find((each) => each.addr === node.addr)
    if (now === undefined || now.containers === 0) return true
    await this.#edge.setClosed(node.addr, false, { signal })
    return false
  }

  #start(name: string, phase: 'creating' | 'leaving', body: () => Promise<void>): void {
    const done = body().finally(() => this.#busy.delete(name))
    this.#busy.set(name, { phase, sinceMs: this.#clock.nowMs(), done })
  }
}
