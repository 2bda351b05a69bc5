import { parseExpressions } from './expression.ts'
import type { CompileRegex } from './expression.ts'
import { AFFINITIES_LABEL, CONSTRAINTS_LABEL, RESCHEDULE_LABEL, WHITELISTS_LABEL, primaryName } from './model.ts'
import type { NodeView, Pending, Workload } from './model.ts'
import { PlacementIndex } from './placement-index.ts'
import type { ExpressionList, NoPlacement, PlacementRequest, Policy } from './placement.ts'
import { parseTexts } from './request.ts'
import { sumUsage, withPending, withoutPending } from './usage.ts'

/** One container that is to be placed, and what it takes up once it is. */
export interface SimulatedCreate {
  readonly request: PlacementRequest
  readonly labels: ReadonlyMap<string, string>
  /** Placed again when its node fails. */
  readonly isRescheduled: boolean
}

interface Placed {
  readonly create: SimulatedCreate
  readonly addr: string
}

/** Numbers over all nodes in service. */
export interface Spread {
  readonly least: number
  readonly mean: number
  readonly most: number
  /** Standard deviation. */
  readonly deviation: number
}

export interface SimulatedNode {
  readonly name: string
  readonly containers: number
  /** Of them, placed by the simulation. */
  readonly placed: number
  /** Percent of what may be handed out. */
  readonly cpuPercent: number
  readonly memoryPercent: number
}

export interface SimulationReport {
  readonly requested: number
  readonly placed: number
  readonly refused: number
  /** Placed only after soft conditions were dropped. */
  readonly softIgnored: number
  /** Of failed nodes: placed elsewhere, refused elsewhere, and those without a policy, which are just gone. */
  readonly moved: number
  readonly stranded: number
  readonly lost: number
  /** Most frequent first. */
  readonly refusals: readonly { readonly reason: string; readonly count: number }[]
  readonly containers: Spread
  readonly cpuPercent: Spread
  readonly memoryPercent: Spread
  /** By name. */
  readonly nodes: readonly SimulatedNode[]
}

/** Most refusal reasons told apart; the rest is counted together. */
const maxReasons = 1000

/**
 * Plays creates, removals and failures over a cluster in memory, with the scheduler that a manager uses. Pure: equal
 * inputs give equal reports; the draws of the strategy `random` follow from `seed`.
 */
export class Simulation {
  private readonly index: PlacementIndex
  private readonly addrs = new Map<string, string>()
  private readonly placed = new Map<string, Placed>()
  private readonly idByName = new Map<string, string>()
  private readonly idsByAddr = new Map<string, Set<string>>()
  private readonly refusals = new Map<string, number>()
  private readonly compile: CompileRegex
  private readonly counts = { requested: 0, placed: 0, refused: 0, softIgnored: 0, moved: 0, stranded: 0, lost: 0 }
  private draws: number
  private count = 0

  /** @param compile for the conditions in labels of recorded containers */
  constructor(nodes: readonly NodeView[], policy: Policy, compile: CompileRegex, seed = 1) {
    this.index = new PlacementIndex(policy)
    this.compile = compile
    this.draws = seed >>> 0
    for (const node of nodes) {
      this.index.set(node)
      this.addrs.set(node.name, node.addr)
      this.addrs.set(node.addr, node.addr)
      for (const container of node.containers) {
        const name = primaryName(container)
        if (name !== '') this.idByName.set(name, container.id)
      }
    }
  }

  /** Nodes that are left. */
  get size(): number {
    return this.index.size
  }

  create(create: SimulatedCreate): void {
    this.counts.requested += 1
    const { name } = create.request
    if (name !== '' && this.idByName.has(name)) {
      this.counts.refused += 1
      this.note(`name ${name} is taken`)
    } else if (this.place(create)) this.counts.placed += 1
    else this.counts.refused += 1
  }

  /** Takes a container away. @returns false when there is none of this name */
  remove(name: string): boolean {
    const id = this.idByName.get(name)
    if (id === undefined) return false
    this.idByName.delete(name)
    const entry = this.placed.get(id)
    if (entry === undefined) return this.removeRecorded(id)
    this.placed.delete(id)
    this.idsByAddr.get(entry.addr)?.delete(id)
    const node = this.index.get(entry.addr)
    if (node !== undefined) this.index.set(withoutPending(node, id))
    return true
  }

  /** Ends a node; what it held and may be placed again is, one after the other. @returns false when it is not there */
  fail(reference: string, isEverythingRescheduled = false): boolean {
    const addr = this.addrs.get(reference)
    const node = addr === undefined ? undefined : this.index.get(addr)
    if (addr === undefined || node === undefined) return false
    this.index.remove(addr)
    const creates = node.containers.map((each) => toCreate(each, this.compile))
    for (const id of this.idsByAddr.get(addr) ?? []) {
      const entry = this.placed.get(id)
      if (entry !== undefined) creates.push(entry.create)
      this.placed.delete(id)
    }
    this.idsByAddr.delete(addr)
    for (const create of creates) {
      if (create.request.name !== '') this.idByName.delete(create.request.name)
      if (!create.isRescheduled && !isEverythingRescheduled) this.counts.lost += 1
      else if (this.place(create)) this.counts.moved += 1
      else this.counts.stranded += 1
    }
    return true
  }

  report(): SimulationReport {
    const nodes: SimulatedNode[] = []
    for (const addr of new Set(this.addrs.values())) {
      const node = this.index.get(addr)
      if (node !== undefined) nodes.push(describeNode(node, this.idsByAddr.get(addr)?.size ?? 0))
    }
    nodes.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    const refusals = [...this.refusals].map(([reason, count]) => ({ reason, count }))
    return {
      ...this.counts,
      refusals: refusals.sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)),
      containers: measureSpread(nodes.map((node) => node.containers)),
      cpuPercent: measureSpread(nodes.map((node) => node.cpuPercent)),
      memoryPercent: measureSpread(nodes.map((node) => node.memoryPercent)),
      nodes,
    }
  }

  private place(create: SimulatedCreate): boolean {
    const { request } = create
    const result = this.index.place(request, { next: () => this.draw() })
    if (result.kind === 'refused') {
      this.note(describeRefusal(result))
      return false
    }
    if (result.isSoftIgnored) this.counts.softIgnored += 1
    this.count += 1
    const id = `simulated-${String(this.count)}`
    const { addr } = result.node
    this.index.set(withPending(result.node, toPending(create, result.node.id, id)))
    this.placed.set(id, { create, addr })
    if (request.name !== '') this.idByName.set(request.name, id)
    const ids = this.idsByAddr.get(addr)
    if (ids === undefined) this.idsByAddr.set(addr, new Set([id]))
    else ids.add(id)
    return true
  }

  private removeRecorded(id: string): boolean {
    for (const addr of new Set(this.addrs.values())) {
      const node = this.index.get(addr)
      if (node === undefined || !node.containers.some((each) => each.id === id)) continue
      const containers = node.containers.filter((each) => each.id !== id)
      this.index.set({ ...node, containers, usage: sumUsage([...containers, ...node.pending]) })
      return true
    }
    return false
  }

  private note(reason: string): void {
    const key = this.refusals.size < maxReasons || this.refusals.has(reason) ? reason : 'other reasons'
    this.refusals.set(key, (this.refusals.get(key) ?? 0) + 1)
  }

  /** A linear congruential generator (Numerical Recipes): the same numbers on every machine. */
  private draw(): number {
    this.draws = (Math.imul(this.draws, 1_664_525) + 1_013_904_223) >>> 0
    return this.draws / 2 ** 32
  }
}

function describeNode(node: NodeView, placed: number): SimulatedNode {
  const { usage } = node
  return {
    name: node.name,
    containers: usage.containers,
    placed,
    cpuPercent: toPercent(usage.nanoCpus, node.totalCpus * 1e9),
    memoryPercent: toPercent(usage.memoryBytes, node.totalMemoryBytes),
  }
}

function toPercent(used: number, total: number): number {
  return total <= 0 ? 0 : Math.round((used * 10_000) / total) / 100
}

function measureSpread(values: readonly number[]): Spread {
  if (values.length === 0) return { least: 0, mean: 0, most: 0, deviation: 0 }
  let [least, most, sum, squares] = [Infinity, -Infinity, 0, 0]
  for (const value of values) {
    least = Math.min(least, value)
    most = Math.max(most, value)
    sum += value
    squares += value * value
  }
  const mean = sum / values.length
  const deviation = Math.sqrt(Math.max(0, squares / values.length - mean * mean))
  return { least, mean: round(mean), most, deviation: round(deviation) }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** The refusal without numbers of nodes, so that equal ones are counted together. */
function describeRefusal(refusal: NoPlacement): string {
  if (refusal.blockers.length === 0) return refusal.text
  const parts = refusal.blockers.map(({ filter, conditions }) =>
    conditions === '' ? filter : `${filter} ${conditions}`,
  )
  return parts.sort((a, b) => (a < b ? -1 : 1)).join(', ')
}

function toPending({ request, labels }: SimulatedCreate, nodeId: string, id: string): Pending {
  return {
    id,
    swarmId: '',
    names: request.name === '' ? [] : [request.name],
    image: request.image,
    labels,
    networkMode: request.networkMode,
    ports: request.ports,
    exposed: request.exposed,
    nanoCpus: request.nanoCpus,
    memoryBytes: request.memoryBytes,
    gpus: request.gpus,
    nodeId,
    sinceMs: 0,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
  }
}

/** The create that made a recorded container, as far as its labels and what it takes up tell. */
function toCreate(workload: Workload, compile: CompileRegex): SimulatedCreate {
  const { labels } = workload
  const read = (label: string, about: string): ExpressionList =>
    parseExpressions(parseTexts(labels.get(label) ?? ''), compile, about)
  return {
    labels,
    isRescheduled: parseTexts(labels.get(RESCHEDULE_LABEL) ?? '').includes('on-node-failure'),
    request: {
      name: primaryName(workload),
      image: workload.image,
      nanoCpus: workload.nanoCpus,
      memoryBytes: workload.memoryBytes,
      gpus: workload.gpus,
      platform: undefined,
      networkMode: workload.networkMode,
      ports: workload.ports,
      exposed: workload.exposed,
      volumesFrom: [],
      links: [],
      joins: [],
      constraints: read(CONSTRAINTS_LABEL, 'constraint'),
      affinities: read(AFFINITIES_LABEL, 'affinity'),
      whitelists: parseExpressions(parseTexts(labels.get(WHITELISTS_LABEL) ?? ''), () => () => false),
      isSoftIgnored: false,
    },
  }
}
