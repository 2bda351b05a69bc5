import type { NodeView } from './model.ts'

/** Which nodes answer to a name: their own, their ID, or their engine's. */
export class NodeNames {
  readonly #addrs = new Map<string, Set<string>>()

  /** Takes over the next version of a node; undefined: it is not there. */
  replace(before: NodeView | undefined, after: NodeView | undefined): void {
    if (before?.name === after?.name && before?.id === after?.id && before?.engineId === after?.engineId) return
    if (before !== undefined) {
      for (const name of namesOf(before)) {
        const addrs = this.#addrs.get(name)
        addrs?.delete(before.addr)
        if (addrs?.size === 0) this.#addrs.delete(name)
      }
    }
    if (after === undefined) return
    for (const name of namesOf(after)) {
      this.#addrs.set(name, (this.#addrs.get(name) ?? new Set<string>()).add(after.addr))
    }
  }

  /** Address of the only node of that name; undefined when none or several have it. */
  find(name: string): string | undefined {
    const addrs = this.#addrs.get(name)
    return addrs?.size === 1 ? [...addrs][0] : undefined
  }
}

function namesOf({ name, id, engineId }: NodeView): readonly string[] {
  return [name, id, engineId]
}
