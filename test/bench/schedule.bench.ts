import process from 'node:process'
import { PlacementIndex } from '../../src/cluster/placement-index.ts'
import type { NodeView } from '../../src/cluster/model.ts'
import type { PlacementRequest, Policy } from '../../src/cluster/placement.ts'
import { defaultFilters } from '../../src/cluster/filters/default-filters.ts'
import { noRegex } from '../../src/cluster/regex.ts'
import { schedule } from '../../src/cluster/schedule.ts'
import { Simulation } from '../../src/cluster/simulate.ts'
import { drawNodes, sketchCreate } from '../../src/cluster/simulate-input.ts'
import { spreadStrategy } from '../../src/cluster/strategies/spread.ts'
import { withPending, withoutPending } from '../../src/cluster/usage.ts'
import { makeClaim, makeContainer, makeNode, makePending, makeRequest } from '../../src/testing/cluster-builders.ts'
import type { Row } from './bench.ts'

const policy: Policy = { filters: defaultFilters, strategy: spreadStrategy }
const random = { next: () => 0 }
const regions = ['eu', 'us', 'ap', 'sa']

/** Nodes with 30 containers each, labels, some of them failing. */
function makeNodes(count: number): NodeView[] {
  const nodes: NodeView[] = []
  for (let index = 0; index < count; index += 1) {
    const name = `node-${String(index).padStart(5, '0')}`
    const labels = new Map([
      ['region', regions[index % 4] ?? ''],
      ['storage', index % 3 === 0 ? 'ssd' : 'disk'],
      ['zone', `z${String(index % 20)}`],
      ['ostype', 'linux'],
    ])
    const containers = Array.from({ length: 30 }, (_, at) =>
      makeContainer(`c-${String(index)}-${String(at)}`, {
        labels: new Map([['app', `app${String((index + at) % 50)}`]]),
        ports: at === 0 ? [makeClaim(8000 + (index % 40))] : [],
        memoryBytes: 2 ** 20 * ((index + at) % 7),
      }),
    )
    const isUnhealthy = index % 50 === 49
    const health = isUnhealthy
      ? ({ state: 'unhealthy', failures: 3, indicator: 0 } as const)
      : ({ state: 'healthy', failures: 0, indicator: 100 } as const)
    nodes.push(makeNode(name, { labels, containers, health, cpus: 64, memoryBytes: 256 * 2 ** 30 }))
  }
  return nodes
}

/** Twenty-four shapes: sizes, constraints hard, soft and negated, globs, ports, affinities. */
function makeRequests(): PlacementRequest[] {
  const requests: PlacementRequest[] = []
  for (const region of regions) {
    requests.push(makeRequest({ nanoCpus: 1e9, memoryBytes: 2 ** 28, constraints: [`region==${region}`] }))
    requests.push(makeRequest({ memoryBytes: 2 ** 27, constraints: ['storage==ssd', `region!=${region}`] }))
    requests.push(makeRequest({ constraints: [`region==${region}*`, 'ostype==linux'] }))
    requests.push(makeRequest({ memoryBytes: 2 ** 26, affinities: [`app!=~app${region.length}`] }))
    requests.push(makeRequest({ ports: [makeClaim(8000 + region.charCodeAt(0))], constraints: ['zone==~z1*'] }))
    requests.push(makeRequest({ nanoCpus: 5e8, memoryBytes: 2 ** 24 * region.charCodeAt(1) }))
  }
  return requests
}

interface Pass {
  readonly perSecond: number
  /** Of all threads of the process, collection of garbage included. */
  readonly cpuMicros: number
}

/** Places round robin for a while; each placement changes its node, and the oldest of many is taken away again. */
function measure(
  count: number,
  place: (request: PlacementRequest) => NodeView | undefined,
  set: (node: NodeView) => void,
  get: (addr: string) => NodeView | undefined,
  durationMs: number,
): Pass {
  const requests = makeRequests()
  // A ring of those that are there, in the order they came.
  const addrs = Array.from({ length: count }, () => '')
  const ids = Array.from({ length: count }, () => '')
  let placed = 0
  for (const request of requests) place(request)
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  let elapsedMs = 0
  for (let turn = 0; elapsedMs < durationMs; turn += 1) {
    const request = requests[turn % requests.length]
    const node = request === undefined ? undefined : place(request)
    if (node !== undefined && request !== undefined) {
      const at = placed % count
      const [oldest, itsNode] = [ids[at] ?? '', addrs[at] ?? '']
      ids[at] = `p${String(placed)}`
      addrs[at] = node.addr
      set(withPending(node, makePending(request, node.id, ids[at])))
      const holder = get(itsNode)
      if (holder !== undefined) set(withoutPending(holder, oldest))
      placed += 1
    }
    if (turn % 32 === 0) elapsedMs = performance.now() - startedAt
  }
  const cpu = process.cpuUsage(cpuBefore)
  return {
    perSecond: (placed * 1000) / (performance.now() - startedAt),
    cpuMicros: (cpu.user + cpu.system) / placed,
  }
}

function measureIndex(count: number, durationMs: number): Pass {
  const index = new PlacementIndex(policy)
  for (const node of makeNodes(count)) index.set(node)
  return measure(
    count,
    (request) => {
      const result = index.place(request, random)
      return result.kind === 'placed' ? result.node : undefined
    },
    (node) => index.set(node),
    (addr) => index.get(addr),
    durationMs,
  )
}

function measureScan(count: number, durationMs: number): Pass {
  const nodes = makeNodes(count)
  const slots = new Map(nodes.map((node, slot) => [node.addr, slot]))
  return measure(
    count,
    (request) => {
      const result = schedule(nodes, request, policy, random)
      return result.kind === 'placed' ? result.node : undefined
    },
    (node) => {
      nodes[slots.get(node.addr) ?? -1] = node
    },
    (addr) => nodes[slots.get(addr) ?? -1],
    durationMs,
  )
}

/** Placements per second with mixed requests, each placement changing one node: index against full scan. */
export async function run(): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const count of [100, 1000, 10_000]) {
    const index = measureIndex(count, 1500)
    const scan = measureScan(count, 700)
    rows.push({
      name: `schedule, ${String(count)} nodes x 30 containers`,
      value: index.perSecond,
      unit: 'placements/s',
      against: { name: 'full scan', value: scan.perSecond, ratio: index.perSecond / scan.perSecond },
      ...(count === 10_000 ? { mark: '>= 100,000' } : {}),
    })
    rows.push({
      name: `  CPU of one placement, ${String(count)} nodes`,
      value: index.cpuMicros,
      unit: 'µs',
      ...(count === 10_000 ? { mark: '<= 10' } : {}),
    })
  }
  rows.push(measureSimulation())
  return await Promise.resolve(rows)
}

/** What `swarm simulate --nodes 10000 --containers 100000` does, without starting the program. */
function measureSimulation(): Row {
  const nodes = drawNodes({
    nodes: 10_000,
    cpus: 8,
    memoryBytes: 16 * 2 ** 30,
    gpus: 0,
    labels: new Map([['zone', ['a', 'b', 'c', 'd']]]),
    overcommitPercent: 5,
  })
  const creates = ['zone==a', 'zone!=b', 'zone==~c'].map((each, index) => {
    const body = { Image: 'app', Env: [`constraint:${each}`], HostConfig: { NanoCpus: 2e8 * (index + 1) } }
    return sketchCreate('', body, '', noRegex)
  })
  const simulation = new Simulation(nodes, policy, noRegex)
  const cpuBefore = process.cpuUsage()
  for (let turn = 0; turn < 100_000; turn += 1) {
    const create = creates[turn % creates.length]
    if (create !== undefined) simulation.create(create)
  }
  const { placed } = simulation.report()
  const cpu = process.cpuUsage(cpuBefore)
  if (placed !== 100_000) throw new Error(`only ${String(placed)} containers were placed`)
  return {
    name: 'simulate, 10,000 nodes, 100,000 containers',
    value: (cpu.user + cpu.system) / 1e6,
    unit: 's of CPU',
    mark: '<= 5',
  }
}
