import { forChanged } from './changed-items.ts'
import { ContainerOrder } from './container-order.ts'
import type { ContainerSource } from './container-order.ts'
import { Holders } from './holders.ts'
import type { Holding } from './holders.ts'
import { isValidated, ownNames } from './model.ts'
import type { ContainerView, ImageView, NetworkView, NodeView, VolumeView } from './model.ts'
import { imageKeys, toFullReference } from './image-name.ts'
import { PROJECT_LABEL } from './project-label.ts'
import { NodeNames } from './node-names.ts'
import { dropReplaced } from './replaced-copies.ts'
import { areCopies, chooseCopy } from './volume-copies.ts'
import type { VolumeUses } from './volume-uses.ts'

/** A thing and the node it is on. */
export interface Located<V> {
  readonly node: NodeView
  readonly item: V
}

export type Lookup<V> =
  | { readonly kind: 'found'; readonly node: NodeView; readonly item: V }
  | { readonly kind: 'missing' }
  /** Several things answer to it; the ancestor says "not found". */
  | { readonly kind: 'ambiguous'; readonly matches: readonly Located<V>[] }

const shortIdLength = 12

/**
 * Finds containers, networks, volumes and images by what users call them, over all validated nodes, without
 * a walk over them. Kept current by `replace` for each node that changed.
 */
export class Directory {
  private readonly nodes = new Map<string, NodeView>()
  private readonly nodeNames = new NodeNames()
  private readonly containersById = new Holders<ContainerView>({ hasPrefixes: true })
  private readonly containersBySwarmId = new Holders<ContainerView>({ hasPrefixes: true })
  private readonly containersByName = new Holders<ContainerView>({ hasPrefixes: false })
  private readonly networksById = new Holders<NetworkView>({ hasPrefixes: true })
  private readonly networksByName = new Holders<NetworkView>({ hasPrefixes: false })
  private readonly volumesByName = new Holders<VolumeView>({ hasPrefixes: false })
  private readonly imagesByKey = new Holders<ImageView>({ hasPrefixes: true })
  private readonly order = new ContainerOrder()
  private collisions = new Set<string>()
  private readonly uses: VolumeUses | undefined

  /** @param uses told which volumes containers have, and had */
  constructor(uses?: VolumeUses) {
    this.uses = uses
  }

  /** Takes over the next version of a node. One that is not validated, or left, counts as absent. */
  replace(node: NodeView): void {
    const before = this.nodes.get(node.addr)
    const after = isValidated(node) ? node : undefined
    if (after === undefined) this.nodes.delete(node.addr)
    else this.nodes.set(node.addr, after)
    this.nodeNames.replace(before, after)
    const { addr } = node
    this.replaceContainers(before, after)
    const networks = { before: before?.networks ?? [], after: after?.networks ?? [] }
    forChanged(
      networks,
      (item) => this.dropNetwork(addr, item),
      (item) => this.addNetwork(addr, item),
    )
    forChanged(
      { before: before?.volumes ?? [], after: after?.volumes ?? [] },
      (item) => this.volumesByName.delete(item.name, addr, item),
      (item) => this.volumesByName.add(item.name, { addr, item }),
    )
    forChanged(
      { before: before?.images ?? [], after: after?.images ?? [] },
      (item) => {
        for (const key of imageKeys(item)) this.imagesByKey.delete(key, addr, item)
      },
      (item) => {
        for (const key of imageKeys(item)) this.imagesByKey.add(key, { addr, item })
      },
    )
  }

  private replaceContainers(before: NodeView | undefined, after: NodeView | undefined): void {
    const containers = { before: before?.containers ?? [], after: after?.containers ?? [] }
    const isRenamed = before !== undefined && after !== undefined && before.name !== after.name
    if (isRenamed) for (const item of containers.before) this.order.drop(before, item)
    forChanged(
      containers,
      (item) => {
        if (before === undefined) return
        this.dropContainer(before.addr, item)
        this.noteVolumes(before, item, 'end')
        if (!isRenamed) this.order.drop(before, item)
      },
      (item) => {
        if (after === undefined) return
        this.addContainer(after.addr, item)
        this.noteVolumes(after, item, 'begin')
        if (!isRenamed) this.order.add(after, item)
      },
    )
    if (isRenamed) for (const item of containers.after) this.order.add(after, item)
  }

  /** All containers on validated nodes, newest first, without collecting or sorting them. */
  containers(): ContainerSource {
    return { each: (visit) => this.order.each((addr) => this.nodes.get(addr), visit) }
  }

  node(addr: string): NodeView | undefined {
    return this.nodes.get(addr)
  }

  /** A validated node by name, ID, engine ID or address; undefined when none or several have it. */
  findNode(reference: string): NodeView | undefined {
    const byAddr = this.nodes.get(reference)
    if (byAddr !== undefined) return byAddr
    const addr = this.nodeNames.find(reference)
    return addr === undefined ? undefined : this.nodes.get(addr)
  }

  /**
   * A container by, in this order: exact or 12-digit ID; exact or 12-digit swarm ID; name, `/name`,
   * `node/name`; the beginning of an ID or swarm ID that only one has.
   */
  findContainer(reference: string): Lookup<ContainerView> {
    if (reference === '') return { kind: 'missing' }
    for (const ids of [this.containersById, this.containersBySwarmId]) {
      const exact = ids.get(reference)
      const matches = exact.length > 0 || reference.length !== shortIdLength ? exact : ids.startingWith(reference, 2)
      if (matches.length > 0) return this.toLookup(dropReplaced(matches))
    }
    const named = this.onNamedNode(reference, this.containersByName)
    if (named.length > 0) return this.toLookup(dropReplaced(named))
    return this.toLookup([
      ...this.containersById.startingWith(reference, 2),
      ...this.containersBySwarmId.startingWith(reference, 2),
    ])
  }

  /** By the whole ID alone, which takes the same time however many containers there are. */
  findContainerById(id: string): Lookup<ContainerView> {
    return this.toLookup(this.containersById.get(id))
  }

  /** Names that came to be used more than once since the last call: somebody created containers on engines directly. */
  takeCollisions(): readonly string[] {
    if (this.collisions.size === 0) return []
    const names = [...this.collisions]
    this.collisions = new Set()
    return names
  }

  /** Every container that has this name; more than one only when engines were used directly. */
  containersNamed(name: string): readonly Located<ContainerView>[] {
    return this.locate(this.containersByName.get(name))
  }

  /** Every container that carries this swarm ID; more than one after a node came back whose containers were made anew. */
  containersOfSwarmId(swarmId: string): readonly Located<ContainerView>[] {
    return this.locate(this.containersBySwarmId.get(swarmId))
  }

  /**
   * A network by ID or 12-digit ID; name, `node/name`, `nodeID/name`, where all matches must be one network;
   * or the beginning of an ID. For one that spans nodes, the first node that lists it.
   */
  findNetwork(reference: string): Lookup<NetworkView> {
    if (reference === '') return { kind: 'missing' }
    const exact = this.networksById.get(reference)
    const byId =
      exact.length > 0 || reference.length !== shortIdLength ? exact : this.networksById.startingWith(reference, 2)
    if (byId.length > 0) return this.toLookup(onePerKey(byId, (item) => item.id))
    const named = this.onNamedNode(reference, this.networksByName)
    if (named.length > 0) {
      const each = onePerKey(named, (item) => item.id)
      // Listed under its bare name, whatever else engines have under it.
      const spanning = each.filter(({ item }) => item.scope !== 'local')
      return this.toLookup(spanning.length === 1 ? spanning : each)
    }
    return this.toLookup(onePerKey(this.networksById.startingWith(reference, 2), (item) => item.id))
  }

  /** Every network that has this bare name. */
  networksNamed(name: string): readonly Located<NetworkView>[] {
    return this.locate(this.networksByName.get(name))
  }

  /** Every node that lists the network with this ID. */
  networkHolders(id: string): readonly Located<NetworkView>[] {
    return this.locate(this.networksById.get(id))
  }

  /** Every volume a name stands for: all nodes' for a plain name, one node's for `node/name`. */
  volumeHolders(reference: string): readonly Located<VolumeView>[] {
    return this.locate(this.onNamedNode(reference, this.volumesByName))
  }

  /**
   * The volume of that name. Equal copies are one volume, and the best of them stands for it. Others are ambiguous
   * unless exactly one of them has a driver that is not `local`.
   */
  findVolume(reference: string): Lookup<VolumeView> {
    const holdings = this.onNamedNode(reference, this.volumesByName)
    if (areCopies(holdings.map((each) => each.item))) {
      const copy = chooseCopy(this.locate(holdings))
      return copy === undefined ? { kind: 'missing' } : { kind: 'found', ...copy }
    }
    const shared = holdings.filter((each) => each.item.driver !== 'local')
    return this.toLookup(shared.length > 0 ? shared.slice(0, 1) : holdings)
  }

  /** Every node that has the image: by reference (tag `latest` when none is given), digest, ID or its beginning. */
  imageHolders(reference: string): readonly Located<ImageView>[] {
    if (reference === '') return []
    const exact = this.imagesByKey.get(reference)
    if (exact.length > 0) return this.locate(exact)
    const named = this.imagesByKey.get(toFullReference(reference))
    if (named.length > 0) return this.locate(named)
    const bare = reference.startsWith('sha256:') ? reference.slice('sha256:'.length) : reference
    if (!/^[0-9a-f]+$/.test(bare)) return []
    const prefixed = this.imagesByKey.startingWith(bare, 16).filter((each) => each.item.id.includes(bare))
    return new Set(prefixed.map((each) => each.item.id)).size === 1 ? this.locate(prefixed) : []
  }

  private onNamedNode<V>(reference: string, names: Holders<V>): readonly Holding<V>[] {
    const name = reference.startsWith('/') ? reference.slice(1) : reference
    const plain = names.get(name)
    const slash = name.indexOf('/')
    if (plain.length > 0 || slash < 0) return plain
    const node = this.findNode(name.slice(0, slash))
    return node === undefined ? [] : names.get(name.slice(slash + 1)).filter((each) => each.addr === node.addr)
  }

  private toLookup<V>(holdings: readonly Holding<V>[]): Lookup<V> {
    const [only] = holdings
    if (only !== undefined && holdings.length === 1) {
      // As nearly always: with nothing to collect and compare.
      const node = this.nodes.get(only.addr)
      return node === undefined ? { kind: 'missing' } : { kind: 'found', node, item: only.item }
    }
    const matches = this.locate(holdings)
    const first = matches[0]
    if (first === undefined) return { kind: 'missing' }
    const isOne = matches.every((each) => each.item === first.item)
    return isOne ? { kind: 'found', node: first.node, item: first.item } : { kind: 'ambiguous', matches }
  }

  private locate<V>(holdings: readonly Holding<V>[]): readonly Located<V>[] {
    return holdings.flatMap(({ addr, item }) => {
      const node = this.nodes.get(addr)
      return node === undefined ? [] : [{ node, item }]
    })
  }

  private addContainer(addr: string, item: ContainerView): void {
    const holding = { addr, item }
    this.containersById.add(item.id, holding)
    if (item.swarmId !== '') this.containersBySwarmId.add(item.swarmId, holding)
    for (const name of ownNames(item)) {
      this.containersByName.add(name, holding)
      if (this.containersByName.get(name).length > 1) this.collisions.add(name)
    }
  }

  private noteVolumes({ engineId }: NodeView, { mounts, labels }: ContainerView, what: 'begin' | 'end'): void {
    if (this.uses === undefined || mounts.length === 0) return
    const isOfProject = labels.has(PROJECT_LABEL)
    for (const { kind, name } of mounts) {
      if (kind !== 'volume') continue
      if (isOfProject) this.uses[what](name, engineId)
      else this.uses.noteOutsider(name)
    }
  }

  private dropContainer(addr: string, item: ContainerView): void {
    this.containersById.delete(item.id, addr, item)
    if (item.swarmId !== '') this.containersBySwarmId.delete(item.swarmId, addr, item)
    for (const name of ownNames(item)) this.containersByName.delete(name, addr, item)
  }

  private addNetwork(addr: string, item: NetworkView): void {
    this.networksById.add(item.id, { addr, item })
    this.networksByName.add(item.name, { addr, item })
  }

  private dropNetwork(addr: string, item: NetworkView): void {
    this.networksById.delete(item.id, addr, item)
    this.networksByName.delete(item.name, addr, item)
  }
}

function onePerKey<V>(holdings: readonly Holding<V>[], keyOf: (item: V) => string): readonly Holding<V>[] {
  const seen = new Set<string>()
  return holdings.filter(({ item }) => {
    const isNew = !seen.has(keyOf(item))
    seen.add(keyOf(item))
    return isNew
  })
}
