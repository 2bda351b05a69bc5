import { Recent } from './recent.ts'

/** Where the data of a volume is whose name several nodes have. */
export type VolumeData =
  | { readonly kind: 'on'; readonly engineId: string }
  /** No copy was ever used. */
  | { readonly kind: 'nowhere' }
  /** Several copies have data of their own. */
  | { readonly kind: 'several' }

/** Volumes that are remembered when nobody uses them. */
const limit = 10_000

/** Names that engines give by themselves: nobody asks for such a volume again. */
const anonymous = /^[0-9a-f]{64}$/

/**
 * Which node's copy of a volume containers of Compose projects use, or used last. Engines do not tell once the containers are
 * gone, and of a volume that was made on every node only one copy has the data. Each look-up takes the same time however many
 * nodes and containers there are.
 *
 * Containers of no project each have the copy of their own node. They say nothing of where the data of a project is, only
 * that there may be some.
 */
export class VolumeUses {
  readonly #known = new Recent<VolumeData>(limit)
  /** Volume → engine → how many containers of projects have it, running or not. */
  readonly #users = new Map<string, Map<string, number>>()
  /** Of data that is only claimed: by how many containers that are being made. */
  readonly #claimants = new WeakMap<VolumeData, number>()

  /** Undefined: nothing is known here; engines know how large their copies are. */
  find(name: string): VolumeData | undefined {
    const users = this.#users.get(name)
    if (users === undefined) return this.#known.get(name)
    const [engineId = '', ...others] = users.keys()
    return others.length > 0 ? { kind: 'several' } : { kind: 'on', engineId }
  }

  note(name: string, data: VolumeData): void {
    if (!anonymous.test(name)) this.#known.set(name, data)
  }

  /** A container of a project has the volume from now on. */
  begin(name: string, engineId: string): void {
    if (anonymous.test(name)) return
    const users = this.#users.get(name) ?? new Map<string, number>()
    this.#users.set(name, users.set(engineId, (users.get(engineId) ?? 0) + 1))
  }

  /** It is gone, and what it wrote has stayed. */
  end(name: string, engineId: string): void {
    const users = this.#users.get(name)
    const left = (users?.get(engineId) ?? 0) - 1
    if (left > 0) users?.set(engineId, left)
    else users?.delete(engineId)
    if (users?.size === 0) this.#users.delete(name)
    this.note(name, { kind: 'on', engineId })
  }

  /** A container of no project has a copy of the volume. */
  noteOutsider(name: string): void {
    if (this.#known.get(name)?.kind === 'nowhere') this.#known.delete(name)
  }

  /**
   * Of containers that are made at once, the first one to say so takes the others along. Changes nothing where it is known
   * that the data is there.
   *
   * @returns to be called when it was not made; the claim ends with the last one who made it
   */
  claim(name: string, engineId: string): () => void {
    const known = this.#known.get(name)
    const isThere = known?.kind === 'on' && known.engineId === engineId
    const claimants = isThere ? this.#claimants.get(known) : 0
    if (claimants === undefined) return () => undefined
    const data: VolumeData = isThere ? known : { kind: 'on', engineId }
    this.#claimants.set(data, claimants + 1)
    if (!isThere) this.note(name, data)
    return () => {
      const left = (this.#claimants.get(data) ?? 1) - 1
      this.#claimants.set(data, left)
      if (left === 0 && this.#known.get(name) === data) this.note(name, { kind: 'nowhere' })
    }
  }
}
