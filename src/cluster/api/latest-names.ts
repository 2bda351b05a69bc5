import type { Located } from '../directory.ts'
import { toFullReference } from '../image-name.ts'
import type { ImageView } from '../model.ts'

/** Most names remembered, the oldest forgotten first. */
const remembered = 4096

/** The node whose image a name stands for, and the ID it has there. */
interface Given {
  readonly addr: string
  readonly id: string
}

/**
 * Which image a name stands for since a build, a commit or a tag gave it: they leave the image on one node, and another
 * one may have an older image under that name, which nobody means any more. Known as long as the manager runs; a name
 * that is not here means on each node what is there.
 */
export class LatestNames {
  readonly #names = new Map<string, Given>()
  /** What nodes had when a tunnel to their builder was opened, or looked into last. */
  readonly #seen = new Map<string, readonly ImageView[]>()
  #reading: Promise<unknown> | undefined

  /** Undefined: no name is about to be given. Resolves when those that are have been. */
  get reading(): Promise<unknown> | undefined {
    return this.#reading
  }

  /** Whether `find` could find anything: who has the image, perhaps a thousand nodes, need not be looked up for a no. */
  knows(reference: string): boolean {
    return this.#names.size > 0 && this.#names.has(toFullReference(reference))
  }

  /** Runs `take` once a change of ours has been read back. */
  after(read: Promise<void>, take: () => void): void {
    const all: Promise<unknown> = Promise.all([this.#reading, read.then(take)])
    this.#reading = all
    void all.then(() => {
      if (this.#reading === all) this.#reading = undefined
    })
  }

  /** The name stands for this image of this node from now on. */
  give(reference: string, addr: string, id: string): void {
    const name = toFullReference(reference)
    this.#names.delete(name)
    this.#names.set(name, { addr, id })
    for (const oldest of this.#names.keys()) {
      if (this.#names.size <= remembered) break
      this.#names.delete(oldest)
    }
  }

  /** Whoever gave these names gave them to all nodes, or nobody knows to which image. */
  forget(references: Iterable<string>): void {
    for (const reference of references) this.#names.delete(toFullReference(reference))
  }

  /**
   * After a build that was told these names: each that stands for another image on its node now was given. One that does
   * not may have been given to the same image again, or the build failed: what others have under it is left alone then.
   */
  compare(addr: string, before: readonly ImageView[], after: readonly ImageView[], told: readonly string[]): void {
    const changed = listChanged(before, after)
    for (const reference of told) {
      const name = toFullReference(reference)
      const id = changed.get(name)
      if (id !== undefined) this.give(name, addr, id)
      else if (this.#names.get(name)?.addr !== addr) this.#names.delete(name)
    }
  }

  /** A tunnel to a builder is opened: names it will give are found by what the node has later. */
  begin(addr: string, images: readonly ImageView[]): void {
    this.#seen.set(addr, images)
  }

  /** Takes the names that have come to stand for other images on the node since `begin`, or since the last look. */
  look(addr: string, images: readonly ImageView[]): void {
    const before = this.#seen.get(addr)
    if (before === undefined || before === images) return
    this.#seen.set(addr, images)
    for (const [name, id] of listChanged(before, images)) this.give(name, addr, id)
  }

  /** Of the nodes that have something under this name, the one whose image it stands for; undefined when nobody knows. */
  find(reference: string, holders: readonly Located<ImageView>[]): Located<ImageView> | undefined {
    const given = this.#names.get(toFullReference(reference))
    if (given === undefined) return undefined
    return holders.find(({ node, item }) => node.addr === given.addr && item.id === given.id)
  }
}

/** Names that stand for another image than before, or for one at all, and its ID. */
export function listChanged(before: readonly ImageView[], after: readonly ImageView[]): ReadonlyMap<string, string> {
  if (before === after) return new Map()
  const old = new Map(before.flatMap(({ id, repoTags }) => repoTags.map((tag) => [tag, id] as const)))
  const changed = new Map<string, string>()
  for (const { id, repoTags } of after) for (const tag of repoTags) if (old.get(tag) !== id) changed.set(tag, id)
  return changed
}

/** Whether two nodes have the same image. Stores of different kinds give one image different IDs. */
export function areSame(a: Located<ImageView>, b: Located<ImageView>): boolean {
  if (a.item.id === b.item.id) return true
  if (a.item.repoDigests.some((digest) => b.item.repoDigests.includes(digest))) return true
  const isSameStore = a.node.labels.get('storagedriver') === b.node.labels.get('storagedriver')
  return !isSameStore && Math.trunc(a.item.createdAtMs / 1000) === Math.trunc(b.item.createdAtMs / 1000)
}
