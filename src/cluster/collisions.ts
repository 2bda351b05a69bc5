import type { Directory } from './directory.ts'

/** Warnings remembered so that they are not repeated. */
const maxWarned = 1000

/** Tells of names that are used twice, each once for the nodes concerned. */
export class Collisions {
  readonly #directory: Directory
  readonly #warned = new Set<string>()

  constructor(directory: Directory) {
    this.#directory = directory
  }

  /** What is to be said since the last call. */
  describe(): readonly string[] {
    const messages: string[] = []
    for (const name of this.#directory.takeCollisions()) {
      const nodes = this.#directory.containersNamed(name).map(({ node }) => node.name)
      if (nodes.length < 2) continue
      const full = nodes.map((node) => `${node}/${name}`).join(' and ')
      const message = `container name ${name} is used on more than one engine: tell them apart as ${full}`
      if (this.#warned.has(message)) continue
      // Forgetting what was said costs a repeated warning at worst.
      if (this.#warned.size >= maxWarned) this.#warned.clear()
      this.#warned.add(message)
      messages.push(message)
    }
    return messages
  }
}
