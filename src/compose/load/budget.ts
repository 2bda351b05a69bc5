import { beyondLimit } from './limits.ts'

/**
 * Counts the nodes of a whole project as aliases and merges expand, before they are copied.
 *
 * Honest files with thousands of small uses pass, because the size counts and not the number of aliases.
 */
export class NodeBudget {
  readonly #limit: number
  readonly #spentBy = new Map<string, number>()
  #spent = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** @throws {compose/limit} naming the anchor that expands most */
  spend(nodes: number, anchor?: string): void {
    this.#spent += nodes
    if (anchor !== undefined) this.#spentBy.set(anchor, (this.#spentBy.get(anchor) ?? 0) + nodes)
    if (this.#spent <= this.#limit) return
    const worst = [...this.#spentBy].sort((a, b) => b[1] - a[1])[0]
    const reason = worst === undefined ? '' : `; the anchor "${worst[0]}" expands to most of them`
    throw beyondLimit(`the project has more than ${this.#limit} nodes${reason}`, 'yamlNodes')
  }
}
