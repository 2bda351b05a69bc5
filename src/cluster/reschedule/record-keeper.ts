import { toMessage } from '../../core/errors.ts'
import type { Api } from '../api/call.ts'
import type { Cluster } from '../cluster.ts'
import { isValidated } from '../model.ts'
import type { NodeView } from '../model.ts'
import { hasPolicy, readRecipe } from '../recipe.ts'
import type { RecordBook } from './book.ts'
import { recordContainer } from './record-container.ts'
import { EngineHands } from './engine-hands.ts'
import { hideLeftCopies } from './left-copies.ts'
import type { ContainerRecord } from './record.ts'
import { removeDuplicates } from './remove-duplicates.ts'
import { removeLeft } from './remove-left.ts'
import type { Cleaning } from './remove-left.ts'

const parallelWrites = 32

export interface RecordKeeperOptions {
  readonly cluster: Cluster
  readonly book: RecordBook
  api(): Api
  /** It is being moved at present: whoever moves it writes its record. */
  isBusy(swarmId: string): boolean
}

/** Keeps the records of containers with a policy in step with what the nodes show. */
export class RecordKeeper {
  readonly #o: RecordKeeperOptions
  /** Nodes as they were recorded last, by address. */
  #seen = new Map<string, NodeView>()
  /** Engines that are asked how the containers of a forced drain were made, by address. */
  readonly #asking = new Set<string>()
  #isBehind = false

  constructor(options: RecordKeeperOptions) {
    this.#o = options
  }

  /** All nodes are recorded again. */
  forgetNodes(): void {
    this.#seen = new Map()
  }

  /**
   * Records what changed on nodes that answer, and removes copies of containers that were made anew elsewhere.
   * @returns false when another manager has written a record meanwhile
   */
  async observe(): Promise<boolean> {
    const { cluster } = this.#o
    let isCurrent = !this.#isBehind
    this.#isBehind = false
    const seen = new Map<string, NodeView>()
    for (const shown of cluster.snapshot().nodes) {
      // What an engine told last counts also when it fell silent at once.
      if (!isValidated(shown)) continue
      const isAnswering = shown.health.state === 'healthy'
      const before = this.#seen.get(shown.addr)
      const wasAnswering = before?.health.state === 'healthy'
      const isNew = before?.containers !== shown.containers || isAnswering !== wasAnswering
      const node = isNew && !isAnswering ? hideLeftCopies(cluster, this.#o.book, shown) : shown
      let isSettled = true
      if (isNew && !(await this.#recordNode(node, before))) isCurrent = false
      if (isAnswering && (isNew || this.#o.book.removed.hasCopiesOn(node.engineId))) {
        const cleaning = await this.#tidy(node, isNew)
        if (!cleaning.isCurrent) isCurrent = false
        isSettled = cleaning.isSettled
      }
      if (!isAnswering) this.#o.book.removed.forgetMissing(node.engineId)
      const isForced = this.#o.book.markOf(node.engineId)?.isForced === true
      if (isForced && isAnswering && node.availability === 'drain') this.#askForced(node)
      if (isSettled) seen.set(node.addr, node)
    }
    this.#seen = seen
    return isCurrent
  }

  /** What was removed while the node was away goes first: it is no copy of anything any more. */
  async #tidy(node: NodeView, isNew: boolean): Promise<Cleaning & { readonly isSettled: boolean }> {
    const { book } = this.#o
    const left = await removeLeft(this.#o.api(), book, node)
    if (left.isUnanswered || !isNew) return { ...left, isSettled: !isNew }
    const copies = await removeDuplicates(this.#o.api(), book, node, (id) => this.#o.isBusy(id))
    return { ...copies, isCurrent: left.isCurrent && copies.isCurrent }
  }

  async #recordNode(node: NodeView, before: NodeView | undefined): Promise<boolean> {
    const { cluster, book } = this.#o
    const known = new Set(before?.containers)
    const changed = node.containers.filter(
      (each) => !known.has(each) && hasPolicy(each.labels) && !book.removed.isLeftCopy(node.engineId, each),
    )
    const puts: ContainerRecord[] = []
    let isCurrent = true
    for (const container of changed) {
      if (container.recipe === undefined && !container.isPartial) {
        const fetch = { what: 'container', id: container.id, isInspected: true } as const
        cluster.member(node.addr)?.send({ kind: 'touched', fetch })
      }
      if (this.#o.isBusy(container.swarmId)) continue
      const old = book.get(container.swarmId)
      const next = recordContainer(old, node, container)
      if (next !== undefined && next !== old) puts.push(next)
    }
    for (let at = 0; at < puts.length; at += parallelWrites) {
      const written = await Promise.all(puts.slice(at, at + parallelWrites).map((each) => book.put(each)))
      if (written.includes(false)) isCurrent = false
    }
    return isCurrent
  }

  /** Beside everything else: an engine that is slow to say must not hold up what happens on others. */
  #askForced(node: NodeView): void {
    if (this.#asking.has(node.addr)) return
    this.#asking.add(node.addr)
    void this.#recordForced(node)
      .catch((error: unknown) => {
        this.#o.cluster.log.warn('cannot read what a forced drain is to move', {
          node: node.name,
          error: toMessage(error),
        })
      })
      .finally(() => this.#asking.delete(node.addr))
  }

  /** A forced drain takes containers without policy too: their engine is asked how they were made. */
  async #recordForced(node: NodeView): Promise<void> {
    const { cluster, book } = this.#o
    const member = cluster.member(node.addr)
    for (const container of node.containers) {
      if (container.swarmId === '' || book.get(container.swarmId) !== undefined || member === undefined) continue
      if (book.removed.isLeftCopy(node.engineId, container)) continue
      const inspect = await new EngineHands(member, cluster.clock).inspect(container.id)
      const made =
        inspect === undefined ? undefined : recordContainer(undefined, node, container, readRecipe(inspect, node))
      if (made !== undefined && !(await book.put(made))) this.#isBehind = true
    }
  }
}
