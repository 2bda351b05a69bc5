import { compareApiVersions, newestApiVersion } from '../engine/version.ts'
import { compareNodes } from './model.ts'
import type { NodeView, Pending } from './model.ts'

/**
 * The nodes of a fleet in the order they are shown, kept so that one that changes takes its place without a look at the
 * others.
 */
export class NodeList {
  readonly #byAddr = new Map<string, NodeView>()
  readonly #slots = new Map<string, number>()
  readonly #withPending = new Set<string>()
  /** Engines in service by the API version they speak, and by operating system. */
  readonly #versions = new Map<string, number>()
  readonly #systems = new Map<string, number>()
  /** Asked for with nearly every request. */
  #commonVersion: string | undefined
  #sorted: NodeView[] = []
  #isOrdered = true
  #isHandedOut = false

  set(node: NodeView): void {
    const { addr } = node
    const before = this.#byAddr.get(addr)
    this.#byAddr.set(addr, node)
    this.#countBoth(before, node)
    if (node.pending.length > 0) this.#withPending.add(addr)
    else this.#withPending.delete(addr)
    if (before === undefined || before.name !== node.name) this.#isOrdered = false
    if (!this.#isOrdered) return
    if (this.#isHandedOut) {
      this.#sorted = [...this.#sorted]
      this.#isHandedOut = false
    }
    this.#sorted[this.#slots.get(addr) ?? 0] = node
  }

  delete(addr: string): void {
    const before = this.#byAddr.get(addr)
    if (before === undefined) return
    this.#countBoth(before, undefined)
    this.#byAddr.delete(addr)
    this.#withPending.delete(addr)
    this.#isOrdered = false
  }

  /** By name, then address; nodes without a name last. Not changed any more once it has been given out. */
  list(): readonly NodeView[] {
    if (!this.#isOrdered) {
      this.#sorted = [...this.#byAddr.values()].sort(compareNodes)
      this.#slots.clear()
      for (const [slot, { addr }] of this.#sorted.entries()) this.#slots.set(addr, slot)
      this.#isOrdered = true
    }
    this.#isHandedOut = true
    return this.#sorted
  }

  /** What is promised on any of them. */
  pending(): readonly Pending[] {
    const all: Pending[] = []
    for (const addr of this.#withPending) all.push(...(this.#byAddr.get(addr)?.pending ?? []))
    return all
  }

  /** The newest API version known here that every engine in service speaks; undefined while there is none. */
  get commonVersion(): string | undefined {
    return this.#commonVersion
  }

  /** Operating systems of engines in service, each once. */
  systems(): Iterable<string> {
    return this.#systems.keys()
  }

  #countBoth(before: NodeView | undefined, after: NodeView | undefined): void {
    const [old, now] = [inService(before), inService(after)]
    if (old?.apiVersion !== now?.apiVersion) {
      recount(this.#versions, old?.apiVersion, now?.apiVersion)
      this.#commonVersion = oldestOf(this.#versions.keys())
    }
    if (old?.osType !== now?.osType) recount(this.#systems, old?.osType, now?.osType)
  }
}

function inService(node: NodeView | undefined): NodeView | undefined {
  return node?.health.state === 'healthy' ? node : undefined
}

function oldestOf(versions: Iterable<string>): string | undefined {
  const all = [...versions]
  return all.length === 0 ? undefined : [newestApiVersion, ...all].sort(compareApiVersions)[0]
}

/** One fewer of the old, one more of the new; nothing and the empty text do not count. */
function recount(counts: Map<string, number>, old = '', now = ''): void {
  const left = (counts.get(old) ?? 0) - 1
  if (left > 0) counts.set(old, left)
  else counts.delete(old)
  if (now !== '') counts.set(now, (counts.get(now) ?? 0) + 1)
}
