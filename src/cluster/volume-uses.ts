import { Recent } from './recent.ts'

/** Where the data of a volume is whose name several nodes have. */
export type VolumeData =
  | { readonly kind: 'on'; readonly engineId: string }
  /** No copy was ever used. */
  | { readonly kind: 'nowhere' }
  /** Several copies have data of their own. */
  | { readonly kind: 'several' }

/** Volumes that are remembered. */
const limit = 10_000

/** Names that engines give by themselves: nobody asks for such a volume again. */
const anonymous = /^[0-9a-f]{64}$/

/**
 * Which node has last used a volume. Engines do not tell once the containers are gone, and of a volume that was made on every
 * node only one copy has the data.
 */
export class VolumeUses {
  readonly #known = new Recent<VolumeData>(limit)

  /** Undefined: nothing is known here; engines know how large their copies are. */
  find(name: string): VolumeData | undefined {
    return this.#known.get(name)
  }

  note(name: string, data: VolumeData): void {
    if (!anonymous.test(name)) this.#known.set(name, data)
  }

  /**
   * Of containers that are made at once, the first one to say so takes the others along.
   *
   * @returns to be called when it was not made
   */
  claim(name: string, engineId: string): () => void {
    const guess: VolumeData = { kind: 'on', engineId }
    this.note(name, guess)
    return () => {
      if (this.#known.get(name) === guess) this.note(name, { kind: 'nowhere' })
    }
  }
}
