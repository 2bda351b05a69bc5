import { isValidated } from './model.ts'
import type { ContainerView, NodeView } from './model.ts'

/** A container and the node it is on. */
export interface ContainerEntry {
  readonly node: NodeView
  readonly container: ContainerView
}

/** @returns false when it wants no more */
export type Visit = (container: ContainerView, node: NodeView) => boolean

/** Containers in the order of lists. */
export interface ContainerSource {
  each(visit: Visit): void
}

/** All of them, kept as they are now. */
export function collectEntries(source: ContainerSource): readonly ContainerEntry[] {
  const entries: ContainerEntry[] = []
  source.each((container, node) => entries.push({ node, container }) > 0)
  return entries
}

/** Newest first, then by name of the node and ID. */
function compareEntries(a: ContainerEntry, b: ContainerEntry): number {
  if (a.container.createdAtMs !== b.container.createdAtMs) return b.container.createdAtMs - a.container.createdAtMs
  if (a.node.name !== b.node.name) return a.node.name < b.node.name ? -1 : 1
  return a.container.id < b.container.id ? -1 : a.container.id > b.container.id ? 1 : 0
}

/** Others among those of a source. @param others in the order of lists */
export function mergeEntries(source: ContainerSource, others: readonly ContainerEntry[]): ContainerSource {
  if (others.length === 0) return source
  return {
    each(visit) {
      let at = 0
      let isWanted = true
      function visitOthers(before: ContainerEntry | undefined): void {
        for (let next = others[at]; isWanted && next !== undefined; next = others[at]) {
          if (before !== undefined && compareEntries(next, before) > 0) return
          isWanted = visit(next.container, next.node)
          at += 1
        }
      }
      source.each((container, node) => {
        visitOthers({ container, node })
        isWanted = isWanted && visit(container, node)
        return isWanted
      })
      visitOthers(undefined)
    },
  }
}

/** All containers of those nodes that are validated, put in the order of lists. */
export function orderContainers(nodes: readonly NodeView[]): ContainerSource {
  const entries = nodes
    .filter(isValidated)
    .flatMap((node) => node.containers.map((container) => ({ node, container })))
    .sort(compareEntries)
  return {
    each(visit) {
      for (const { node, container } of entries) if (!visit(container, node)) return
    },
  }
}

/** A container where it stands in the order; its node by what the order goes by. */
interface Slot {
  readonly addr: string
  readonly nodeName: string
  readonly container: ContainerView
}

function compareSlots(a: Slot, b: Slot): number {
  if (a.container.createdAtMs !== b.container.createdAtMs) return b.container.createdAtMs - a.container.createdAtMs
  if (a.nodeName !== b.nodeName) return a.nodeName < b.nodeName ? -1 : 1
  if (a.container.id !== b.container.id) return a.container.id < b.container.id ? -1 : 1
  return a.addr < b.addr ? -1 : a.addr > b.addr ? 1 : 0
}

/** With more changes than this since the last look the whole is put in order again, which sorting does in one run. */
const maxSingleChanges = 128

/**
 * All containers in the order of lists, kept so that a list neither collects nor sorts them. Changes are only noted;
 * the next look takes them in, each with a binary search.
 */
export class ContainerOrder {
  #slots: Slot[] = []
  /** By container version: it is added and dropped as often as something about it changes. */
  readonly #added = new Map<ContainerView, Slot>()
  readonly #dropped = new Map<ContainerView, Slot>()

  get size(): number {
    return this.#slots.length + this.#added.size - this.#dropped.size
  }

  add(node: NodeView, container: ContainerView): void {
    const { addr, name } = node
    const dropped = this.#dropped.get(container)
    if (dropped?.addr === addr && dropped.nodeName === name) this.#dropped.delete(container)
    else this.#added.set(container, { addr, nodeName: name, container })
  }

  /** @param node as it was when the container was added */
  drop(node: NodeView, container: ContainerView): void {
    if (this.#added.delete(container)) return
    this.#dropped.set(container, { addr: node.addr, nodeName: node.name, container })
  }

  /**
   * Shows every container until `visit` wants no more.
   *
   * @param nodeOf the present version of a node; containers of nodes that are not there are left out
   */
  each(nodeOf: (addr: string) => NodeView | undefined, visit: Visit): void {
    this.#catchUp()
    for (const { addr, container } of this.#slots) {
      const node = nodeOf(addr)
      if (node !== undefined && !visit(container, node)) return
    }
  }

  #catchUp(): void {
    if (this.#added.size === 0 && this.#dropped.size === 0) return
    if (this.#added.size + this.#dropped.size > maxSingleChanges) this.#sortAgain()
    else {
      const slots = this.#slots
      for (const slot of this.#dropped.values()) {
        const at = find(slots, slot)
        if (slots[at]?.container === slot.container) slots.splice(at, 1)
      }
      for (const slot of this.#added.values()) slots.splice(find(slots, slot), 0, slot)
    }
    this.#added.clear()
    this.#dropped.clear()
  }

  #sortAgain(): void {
    const kept = this.#slots.filter((slot) => !this.#dropped.has(slot.container))
    // Two sorted runs are merged by the sort in one pass.
    this.#slots = [...kept, ...[...this.#added.values()].sort(compareSlots)].sort(compareSlots)
  }
}

/** Where the slot is, or belongs. */
function find(slots: readonly Slot[], wanted: Slot): number {
  let from = 0
  let to = slots.length
  while (from < to) {
    const middle = (from + to) >> 1
    const slot = slots[middle]
    if (slot !== undefined && compareSlots(slot, wanted) < 0) from = middle + 1
    else to = middle
  }
  return from
}
