import type { Cluster } from '../cluster.ts'
import { isValidated } from '../model.ts'
import type { NodeView } from '../model.ts'
import type { RecordBook } from './book.ts'
import type { World } from './decide.ts'
import type { GoneEngines } from './gone.ts'
import type { Observers } from './observers.ts'

/** The cluster as the decisions see it; looked up anew only when some node has changed. */
export class WorldView {
  readonly #cluster: Cluster
  readonly #book: RecordBook
  readonly #gone: GoneEngines
  readonly #observers: Observers
  #last: { readonly nodes: readonly NodeView[]; readonly world: World } | undefined

  constructor(cluster: Cluster, book: RecordBook, gone: GoneEngines, observers: Observers) {
    this.#cluster = cluster
    this.#book = book
    this.#gone = gone
    this.#observers = observers
  }

  read(): World {
    const { nodes } = this.#cluster.snapshot()
    if (this.#last?.nodes === nodes) return this.#last.world
    const byEngine = new Map<string, NodeView>()
    const byAddr = new Map<string, NodeView>()
    for (const node of nodes) {
      byAddr.set(node.addr, node)
      const before = byEngine.get(node.engineId)
      if (node.engineId !== '' && (before === undefined || !isValidated(before))) byEngine.set(node.engineId, node)
    }
    const world: World = {
      nodeOf: (engineId) => byEngine.get(engineId),
      nodeAt: (addr) => byAddr.get(addr),
      isConfirmedGone: (engineId) => this.#gone.isConfirmed(engineId),
      isAskedElsewhere: (engineId) => this.#cluster.isAskedElsewhere(engineId),
      sightOf: (engineId) => this.#observers.sightOf(engineId),
      isForced: (engineId) => this.#book.markOf(engineId)?.isForced === true,
    }
    this.#last = { nodes, world }
    return world
  }
}
