import { ownNames } from './model.ts'
import type { ContainerView, NodeView } from './model.ts'

/** A container and the address of the node that holds it. */
export interface Holding {
  readonly addr: string
  readonly container: ContainerView
}

/** What a reference stands for; more than one match is none (classicswarm cluster/container.go). */
export type Found =
  | { readonly kind: 'found'; readonly addr: string; readonly container: ContainerView }
  | { readonly kind: 'none' }
  | { readonly kind: 'ambiguous'; readonly matches: readonly Holding[] }

const shortLength = 12
const bucketLength = 3

/** Names of a node that may stand before a container's name. */
export interface NodeNames {
  readonly name: string
  readonly engineId: string
  readonly id: string
}

/**
 * Finds containers by ID, short ID, swarm ID, name and unique prefix. Kept up to date node by node, so that a
 * look-up does not depend on how many containers there are.
 */
export class ContainerIndex {
  readonly #byId = new Map<string, Holding[]>()
  readonly #bySwarmId = new Map<string, Holding[]>()
  readonly #byName = new Map<string, Holding[]>()
  /** By the first letters of either ID. */
  readonly #buckets = new Map<string, Set<Holding>>()
  readonly #held = new Map<string, Map<string, Holding>>()
  readonly #nodeNames: (addr: string) => NodeNames | undefined

  constructor(nodeNames: (addr: string) => NodeNames | undefined) {
    this.#nodeNames = nodeNames
  }

  get size(): number {
    let size = 0
    for (const held of this.#held.values()) size += held.size
    return size
  }

  /** Takes over what a node holds now; without a node everything it held is forgotten. */
  update(addr: string, node: NodeView | undefined): void {
    const before = this.#held.get(addr)
    if (node === undefined) {
      for (const holding of before?.values() ?? []) this.#remove(holding)
      this.#held.delete(addr)
      return
    }
    const held = before ?? new Map<string, Holding>()
    if (before === undefined) this.#held.set(addr, held)
    for (const container of node.containers) {
      const known = held.get(container.id)
      if (known?.container === container) continue
      if (known !== undefined) this.#remove(known)
      const holding = { addr, container }
      held.set(container.id, holding)
      this.#add(holding)
    }
    // All of the node's containers are held now; more than those means that some are gone.
    if (held.size <= node.containers.length) return
    const ids = new Set(node.containers.map((container) => container.id))
    for (const [id, holding] of held) {
      if (ids.has(id)) continue
      held.delete(id)
      this.#remove(holding)
    }
  }

  /** Everything of this name, wherever it is. */
  withName(name: string): readonly Holding[] {
    return this.#byName.get(name) ?? []
  }

  withSwarmId(swarmId: string): readonly Holding[] {
    return this.#bySwarmId.get(swarmId) ?? []
  }

  /** Resolves a reference in the ancestor's order; the first kind that matches decides. */
  find(reference: string): Found {
    const byId = this.#byId.get(reference) ?? this.#short(reference, (each) => each.id)
    if (byId !== undefined && byId.length > 0) return decide(byId)
    const bySwarmId = this.#bySwarmId.get(reference) ?? this.#short(reference, (each) => each.swarmId)
    if (bySwarmId !== undefined && bySwarmId.length > 0) return decide(bySwarmId)
    const byName = this.#named(reference)
    if (byName.length > 0) return decide(byName)
    if (reference.length < bucketLength) return this.#byShortPrefix(reference)
    return decide(this.#startingWith(reference))
  }

  #named(reference: string): readonly Holding[] {
    const plain = reference.startsWith('/') ? reference.slice(1) : reference
    const cut = plain.indexOf('/')
    if (cut < 0) return this.#byName.get(plain) ?? []
    const owner = plain.slice(0, cut)
    const held = this.#byName.get(plain.slice(cut + 1)) ?? []
    return held.filter((holding) => {
      const names = this.#nodeNames(holding.addr)
      return names !== undefined && (names.name === owner || names.engineId === owner || names.id === owner)
    })
  }

  #short(reference: string, idOf: (container: ContainerView) => string): readonly Holding[] | undefined {
    if (reference.length !== shortLength) return undefined
    return this.#startingWith(reference).filter((holding) => idOf(holding.container).startsWith(reference))
  }

  #startingWith(prefix: string): readonly Holding[] {
    const found: Holding[] = []
    for (const holding of this.#buckets.get(prefix.slice(0, bucketLength)) ?? []) {
      const { id, swarmId } = holding.container
      if (id.startsWith(prefix) || swarmId.startsWith(prefix)) found.push(holding)
    }
    return found
  }

  /** Prefixes of one or two letters are hardly ever unique; only these look through the buckets' names. */
  #byShortPrefix(prefix: string): Found {
    if (prefix === '') return { kind: 'none' }
    const found: Holding[] = []
    for (const [start, holdings] of this.#buckets) {
      if (!start.startsWith(prefix)) continue
      for (const holding of holdings) {
        if (!found.includes(holding)) found.push(holding)
        if (found.length > 1) return { kind: 'ambiguous', matches: found }
      }
    }
    return decide(found)
  }

  #add(holding: Holding): void {
    const { id, swarmId } = holding.container
    put(this.#byId, id, holding)
    if (swarmId !== '') put(this.#bySwarmId, swarmId, holding)
    for (const name of ownNames(holding.container)) put(this.#byName, name, holding)
    for (const bucket of bucketsOf(id, swarmId)) {
      const set = this.#buckets.get(bucket)
      if (set === undefined) this.#buckets.set(bucket, new Set([holding]))
      else set.add(holding)
    }
  }

  #remove(holding: Holding): void {
    const { id, swarmId } = holding.container
    take(this.#byId, id, holding)
    if (swarmId !== '') take(this.#bySwarmId, swarmId, holding)
    for (const name of ownNames(holding.container)) take(this.#byName, name, holding)
    for (const bucket of bucketsOf(id, swarmId)) {
      const set = this.#buckets.get(bucket)
      set?.delete(holding)
      if (set?.size === 0) this.#buckets.delete(bucket)
    }
  }
}

function bucketsOf(id: string, swarmId: string): readonly string[] {
  return swarmId === '' ? [id.slice(0, bucketLength)] : [id.slice(0, bucketLength), swarmId.slice(0, bucketLength)]
}

function decide(matches: readonly Holding[]): Found {
  const [only] = matches
  if (only === undefined) return { kind: 'none' }
  if (matches.length > 1) return { kind: 'ambiguous', matches }
  return { kind: 'found', addr: only.addr, container: only.container }
}

function put(map: Map<string, Holding[]>, key: string, holding: Holding): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [holding])
  else list.push(holding)
}

function take(map: Map<string, Holding[]>, key: string, holding: Holding): void {
  const list = map.get(key)
  if (list === undefined) return
  const at = list.indexOf(holding)
  if (at >= 0) list.splice(at, 1)
  if (list.length === 0) map.delete(key)
}
