import { changeContainer, changeNode } from './copies.ts'
import type { ContainerEntry } from './container-order.ts'
import { collectEntries } from './container-order.ts'
import { Directory } from './directory.ts'
import type { Lookup } from './directory.ts'
import { isValidated, ownNames } from './model.ts'
import type { ContainerView, NodeView } from './model.ts'
import { emptyUsage } from './usage.ts'

/** How long the containers of an engine that left discovery stay in the list. */
export const defaultRememberMs = 3_600_000

/** Containers remembered at most; those of the engine that left first are the first to be forgotten. */
const maxContainers = 10_000

/** What was on an engine when it left. */
interface Departed {
  readonly node: NodeView
  /** Monotonic; undefined until the clock is first seen. */
  readonly untilMs: number | undefined
}

/**
 * Containers of engines that were taken out of discovery. Nobody can say what has become of them: they are listed as long as
 * nothing has come in their place, and count for nothing else. Their names are free, nothing is placed by them, and whether
 * they are made anew is for the records of rescheduling to say.
 */
export class DepartedEngines {
  readonly #live: Directory
  readonly #keepMs: number
  /** By address, those that left first in front. */
  readonly #engines = new Map<string, Departed>()
  /** The same engines, as if they had fallen silent. */
  readonly #directory = new Directory()

  /**
   * @param live what is in service
   * @param keepMs 0: nothing is remembered
   */
  constructor(live: Directory, keepMs: number) {
    this.#live = live
    this.#keepMs = keepMs
  }

  /** @param node as it was last. @returns how many of its containers are remembered */
  leave(node: NodeView): number {
    if (this.#keepMs <= 0 || !isValidated(node) || node.containers.length === 0) return 0
    this.#put(toDeparted(node), undefined)
    let count = 0
    for (const each of this.#engines.values()) count += each.node.containers.length
    for (const [addr, each] of this.#engines) {
      if (count <= maxContainers) break
      count -= each.node.containers.length
      this.#drop(addr)
    }
    return this.#engines.has(node.addr) ? node.containers.length : 0
  }

  /** An engine is in service: what is remembered of it, or of another one at its address, is past. */
  come(node: NodeView): void {
    for (const [addr, each] of this.#engines) {
      if (addr === node.addr || each.node.engineId === node.engineId) this.#drop(addr)
    }
  }

  /** @param nowMs monotonic */
  expire(nowMs: number): void {
    for (const [addr, { node, untilMs }] of this.#engines) {
      if (untilMs === undefined) this.#engines.set(addr, { node, untilMs: nowMs + this.#keepMs })
      else if (untilMs <= nowMs) this.#drop(addr)
    }
  }

  /** Takes one container off the list. */
  forget(id: string): void {
    for (const [addr, { node, untilMs }] of this.#engines) {
      const containers = node.containers.filter((each) => each.id !== id)
      if (containers.length === 0) this.#drop(addr)
      else if (containers.length < node.containers.length) this.#put(changeNode(node, { containers }), untilMs)
    }
  }

  /** As `Directory.findContainer`, among what is listed. */
  find(reference: string): Lookup<ContainerView> {
    if (this.#engines.size === 0) return { kind: 'missing' }
    const found = this.#directory.findContainer(reference)
    return found.kind === 'found' && this.#isReplaced(found.item) ? { kind: 'missing' } : found
  }

  /** Those that nothing has come in place of, in the order of lists. */
  list(): readonly ContainerEntry[] {
    if (this.#engines.size === 0) return []
    return collectEntries(this.#directory.containers()).filter(({ container }) => !this.#isReplaced(container))
  }

  /** It was found elsewhere, was made anew, or somebody else has its name. */
  #isReplaced(container: ContainerView): boolean {
    if (this.#live.findContainerById(container.id).kind !== 'missing') return true
    if (container.swarmId !== '' && this.#live.containersOfSwarmId(container.swarmId).length > 0) return true
    return ownNames(container).some((name) => this.#live.containersNamed(name).length > 0)
  }

  #put(node: NodeView, untilMs: number | undefined): void {
    this.#engines.set(node.addr, { node, untilMs })
    this.#directory.replace(node)
    // Names are free that only they have: nobody is to be told of two.
    this.#directory.takeCollisions()
  }

  #drop(addr: string): void {
    const departed = this.#engines.get(addr)
    if (departed === undefined) return
    this.#engines.delete(addr)
    const health = { ...departed.node.health, state: 'disconnected' as const }
    this.#directory.replace(changeNode(departed.node, { health }))
  }
}

/** What is listed of it, and no more. Whether anything runs there is not known: `dead` is what engines call that. */
function toDeparted(node: NodeView): NodeView {
  return changeNode(node, {
    health: { state: 'unhealthy', failures: node.health.failures, indicator: 0 },
    containers: node.containers.map((each) =>
      changeContainer(each, { state: isOver(each) ? each.state : 'dead', recipe: undefined, isPartial: false }),
    ),
    pending: [],
    usage: emptyUsage,
    images: [],
    networks: [],
    volumes: [],
  })
}

function isOver({ state }: ContainerView): boolean {
  return state === 'created' || state === 'exited' || state === 'dead'
}

/** What the log says when an engine has left. */
export function describeLeft(count: number): string {
  const what = count === 1 ? '1 container' : `${String(count)} containers`
  return `${what} of an engine that left discovery: listed as Host Down for a while, docker rm -f takes one off the list`
}
