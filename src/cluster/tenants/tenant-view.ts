import { changeNode } from '../copies.ts'
import { Directory } from '../directory.ts'
import type { ClusterSnapshot, NodeView } from '../model.ts'
import type { Lens } from './lens.ts'
import { makeNarrowing } from './narrow-node.ts'
import type { Narrowed } from './narrow-node.ts'
import { ownerOf } from './owner.ts'

/**
 * The cluster as one tenant sees it, with a directory of its own. Brought up to date when it is looked at: nodes that did
 * not change since cost a comparison.
 */
export class TenantView {
  readonly lens: Lens
  readonly #source: () => ClusterSnapshot
  readonly #narrow: ReturnType<typeof makeNarrowing>
  readonly #directory = new Directory()
  readonly #known = new Map<string, Narrowed>()
  #from: ClusterSnapshot | undefined
  #snapshot: ClusterSnapshot = { revision: -1, nodes: [], pending: [] }

  readonly #onChange: (nodes: readonly NodeView[]) => void

  /**
   * @param source the whole cluster, at the moment of the call
   * @param onChange told of each version that somebody has looked at
   */
  constructor(lens: Lens, source: () => ClusterSnapshot, onChange: (nodes: readonly NodeView[]) => void) {
    this.lens = lens
    this.#source = source
    this.#onChange = onChange
    this.#narrow = makeNarrowing(lens)
  }

  /** What is in it now, nodes in the order of the cluster's. */
  snapshot(): ClusterSnapshot {
    this.#sync()
    return this.#snapshot
  }

  get directory(): Directory {
    this.#sync()
    return this.#directory
  }

  #sync(): void {
    const whole = this.#source()
    if (whole === this.#from) return
    this.#from = whole
    const gone = new Set(this.#known.keys())
    const nodes: NodeView[] = []
    for (const node of whole.nodes) {
      const before = this.#known.get(node.addr)
      const narrowed = this.#narrow(node, before)
      nodes.push(narrowed.to)
      gone.delete(node.addr)
      if (narrowed === before) continue
      this.#known.set(node.addr, narrowed)
      this.#directory.replace(narrowed.to)
    }
    for (const addr of gone) {
      const node = this.#known.get(addr)?.to
      this.#known.delete(addr)
      if (node === undefined) continue
      this.#directory.replace(changeNode(node, { health: { ...node.health, state: 'disconnected' } }))
    }
    // Others are told of names that are used twice.
    this.#directory.takeCollisions()
    const pending = whole.pending.filter((each) => ownerOf(each.labels) === this.lens.tenant)
    this.#snapshot = { revision: whole.revision, nodes, pending }
    this.#onChange(nodes)
  }
}
