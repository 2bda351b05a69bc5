import { renderBinarySize } from '../core/bytes.ts'
import { toAscii } from './ascii.ts'
import { compareNodes } from './model.ts'
import type { ClusterSnapshot, NodeView } from './model.ts'
import type { Policy } from './placement.ts'

/** A line of `docker info`: name and value. Names of a node's lines begin with blanks and `└`. */
export type InfoRow = readonly [string, string]

export interface InfoOptions {
  readonly policy: Policy
  /** Address of the primary, on a replica; empty when it knows none. */
  readonly primary?: string
}

/**
 * The cluster table that the docker CLI prints from `SystemStatus`. Keys, blanks and order are the ancestor's:
 * scripts parse them.
 */
export function renderInfoRows(snapshot: ClusterSnapshot, options: InfoOptions): readonly InfoRow[] {
  const rows = [...renderHeadRows(snapshot, options)]
  for (const node of orderShown(snapshot.nodes)) rows.push(...renderNodeRows(node))
  return rows
}

function renderHeadRows(snapshot: ClusterSnapshot, options: InfoOptions): readonly InfoRow[] {
  const { policy, primary } = options
  return [
    ['Role', primary === undefined ? 'primary' : 'replica'],
    ...(primary === undefined ? [] : [['Primary', primary] as const]),
    ['Strategy', policy.strategy.name],
    ['Filters', policy.filters.flatMap((filter) => (filter.isBuiltIn === true ? [] : [filter.name])).join(', ')],
    ['Nodes', String(snapshot.nodes.length)],
  ]
}

/**
 * Writes the same table as JSON text in ASCII, piece by piece. Nearly all of it is kept from one call to the next: only
 * what changed is made anew.
 */
export function writeInfoTable(
  sink: { write(text: string): void },
  snapshot: ClusterSnapshot,
  options: InfoOptions,
): void {
  const head = renderHeadRows(snapshot, options).map((row) => toAscii(JSON.stringify(row)))
  sink.write(`[${head.join(',')}`)
  for (const node of orderShown(snapshot.nodes)) {
    sink.write(',')
    sink.write(renderNodeJson(node))
  }
  sink.write(']')
}

/** As `compareShown` orders them, which a snapshot is but for nodes without a name: those come first here. */
function orderShown(nodes: readonly NodeView[]): readonly NodeView[] {
  const unnamed = nodes.findIndex((node) => node.name === '')
  const ordered = unnamed <= 0 ? nodes : [...nodes.slice(unnamed), ...nodes.slice(0, unnamed)]
  const isInOrder = ordered.every((node, index) => {
    const before = ordered[index - 1]
    return before === undefined || compareShown(before, node) <= 0
  })
  return isInOrder ? ordered : [...nodes].sort(compareShown)
}

const rendered = new WeakMap<NodeView, string>()

function renderNodeJson(node: NodeView): string {
  const known = rendered.get(node)
  if (known !== undefined) return known
  const text = toAscii(JSON.stringify(renderNodeRows(node)).slice(1, -1))
  rendered.set(node, text)
  return text
}

const unknownName = '(unknown)'

function shownName(node: NodeView): string {
  return node.name === '' ? unknownName : node.name
}

function compareShown(a: NodeView, b: NodeView): number {
  const [left, right] = [shownName(a), shownName(b)]
  return left === right ? compareNodes(a, b) : left < right ? -1 : 1
}

function renderNodeRows(node: NodeView): readonly InfoRow[] {
  const labels = [...node.labels].map(([key, value]) => `${key}=${value}`).sort()
  return [
    [` ${shownName(node)}`, node.addr],
    ['  └ ID', node.engineId === '' ? '(unknown)' : node.id],
    ['  └ Status', renderState(node)],
    ['  └ Containers', renderContainers(node)],
    ['  └ Reserved CPUs', `${renderCpus(node.usage.nanoCpus)} / ${String(node.totalCpus)}`],
    ['  └ Reserved Memory', `${renderSize(node.usage.memoryBytes)} / ${renderSize(node.totalMemoryBytes)}`],
    ['  └ Labels', labels.join(', ')],
    ...(node.errorText === '' ? [] : [['  └ Error', node.errorText] as const]),
    ['  └ UpdatedAt', new Date(node.updatedAtMs).toISOString().replace(/\.\d+Z$/, 'Z')],
    ['  └ ServerVersion', node.serverVersion],
  ]
}

function renderState(node: NodeView): string {
  return node.health.state.charAt(0).toUpperCase() + node.health.state.slice(1)
}

function renderContainers(node: NodeView): string {
  const counts = countStates(node)
  if (node.health.state !== 'healthy') return String(counts.all)
  const { all, running, paused, stopped } = counts
  return `${String(all)} (${String(running)} Running, ${String(paused)} Paused, ${String(stopped)} Stopped)`
}

/** Whole CPUs as the ancestor prints them; what was asked for in fractions shows them. */
function renderCpus(nanoCpus: number): string {
  return String(Number((nanoCpus / 1e9).toFixed(2)))
}

/** `24.72 GiB`: four digits and a blank before the unit. */
function renderSize(bytes: number): string {
  return renderBinarySize(bytes).replace(/([A-Za-z]+)$/, ' $1')
}

/** Containers by state; a paused one is not running here. */
export interface StateCounts {
  readonly all: number
  readonly running: number
  readonly paused: number
  readonly stopped: number
}

export function countStates(node: NodeView): StateCounts {
  let running = 0
  let paused = 0
  for (const { state } of node.containers) {
    if (state === 'paused') paused += 1
    else if (state === 'running' || state === 'restarting' || state === 'stopping') running += 1
  }
  const all = node.containers.length
  return { all, running, paused, stopped: all - running - paused }
}

/** Sums over all nodes for `GET /info`. */
export interface InfoSums {
  readonly containers: StateCounts
  /** Images that carry a name, counted on every node that has them, as in the ancestor. */
  readonly images: number
  /** With overcommit. */
  readonly cpus: number
  readonly memoryBytes: number
}

interface NodeSums {
  readonly counts: StateCounts
  readonly images: number
}

const summed = new WeakMap<NodeView, NodeSums>()

function sumNode(node: NodeView): NodeSums {
  const known = summed.get(node)
  if (known !== undefined) return known
  const named = new Set(node.images.filter((image) => image.repoTags.length > 0).map((image) => image.id))
  const sums = { counts: countStates(node), images: named.size }
  summed.set(node, sums)
  return sums
}

export function sumInfo(snapshot: ClusterSnapshot): InfoSums {
  const sums = { all: 0, running: 0, paused: 0, stopped: 0 }
  let images = 0
  let cpus = 0
  let memoryBytes = 0
  for (const node of snapshot.nodes) {
    const { counts, images: named } = sumNode(node)
    sums.all += counts.all
    sums.running += counts.running
    sums.paused += counts.paused
    sums.stopped += counts.stopped
    images += named
    cpus += node.totalCpus
    memoryBytes += node.totalMemoryBytes
  }
  return { containers: sums, images, cpus, memoryBytes }
}
