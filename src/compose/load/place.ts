import type { Problem } from '../model/problem.ts'
import { isMap, makeMap, renderPath } from './tree.ts'
import type { Tree, TreePath } from './tree.ts'

interface PlacedFile {
  readonly path: string
  readonly text: string
}

/** File and offset in one number: the file above, the offset below. */
const fileUnit = 2 ** 32

type KeyPlaces = Record<string, number>

/**
 * Remembers where every key and list entry came from.
 *
 * Kept beside the trees, by identity of the map or list that holds the entry, so that merging can move
 * entries between files and still name file, line and column of each. An entry made by a later stage has
 * no place of its own; the nearest one above it counts.
 */
export class Places {
  readonly #files: PlacedFile[] = []
  readonly #maps = new WeakMap<object, KeyPlaces>()
  readonly #lists = new WeakMap<object, number[]>()

  addFile(path: string, text: string): number {
    this.#files.push({ path, text })
    return this.#files.length - 1
  }

  mark(holder: object, key: string, file: number, offset: number): void {
    let places = this.#maps.get(holder)
    if (places === undefined) {
      places = Object.create(null) as KeyPlaces
      this.#maps.set(holder, places)
    }
    places[key] = file * fileUnit + offset
  }

  markEntry(holder: readonly unknown[], index: number, file: number, offset: number): void {
    let places = this.#lists.get(holder)
    if (places === undefined) {
      places = []
      this.#lists.set(holder, places)
    }
    places[index] = file * fileUnit + offset
  }

  /** The entry under `key` of `to` now comes from where it stood in `from`. */
  moveKey(from: object, to: object, key: string): void {
    const place = this.#maps.get(from)?.[key]
    if (place !== undefined) this.mark(to, key, Math.floor(place / fileUnit), place % fileUnit)
  }

  /** The entries of a map have other keys now: new key → the one under which it was marked. */
  renameKeys(holder: object, names: ReadonlyMap<string, string>): void {
    const places = this.#maps.get(holder)
    if (places === undefined) return
    const renamed = Object.create(null) as KeyPlaces
    for (const [name, key] of names) if (places[key] !== undefined) renamed[name] = places[key]
    this.#maps.set(holder, renamed)
  }

  /** Places of a list joined from two. */
  joinLists(made: readonly unknown[], first: readonly unknown[], second: readonly unknown[]): void {
    const a = this.#lists.get(first)
    const b = this.#lists.get(second)
    if (a === undefined && b === undefined) return
    const joined = a === undefined ? [] : a.slice(0, first.length)
    for (let index = 0; index < second.length; index += 1) {
      const place = b?.[index]
      if (place !== undefined) joined[first.length + index] = place
    }
    this.#lists.set(made, joined)
  }

  /** Places of a list that keeps some entries of another. */
  pickEntries(made: readonly unknown[], source: readonly unknown[], indexes: readonly number[]): void {
    const places = this.#lists.get(source)
    if (places === undefined) return
    const picked: number[] = []
    for (const [to, from] of indexes.entries()) {
      const place = places[from]
      if (place !== undefined) picked[to] = place
    }
    this.#lists.set(made, picked)
  }

  /** A copy that may be changed without touching the original; its places are the original's. */
  clone<T extends Tree>(tree: T): T {
    if (Array.isArray(tree)) {
      const made = tree.map((entry) => this.clone(entry))
      const places = this.#lists.get(tree)
      if (places !== undefined) this.#lists.set(made, [...places])
      return made as T
    }
    if (!isMap(tree)) return tree
    const made = makeMap()
    for (const key of Object.keys(tree)) made[key] = this.clone(tree[key] ?? null)
    const places = this.#maps.get(tree)
    if (places !== undefined) this.#maps.set(made, Object.assign(Object.create(null) as KeyPlaces, places))
    return made as T
  }

  /** Where the entry at `path` came from, or the nearest entry above it that has a place. */
  find(root: Tree, path: TreePath): { file: string; line: number; column: number } | undefined {
    let at: Tree | undefined = root
    let found: number | undefined
    for (const key of path) {
      if (Array.isArray(at)) {
        found = this.#lists.get(at)?.[Number(key)] ?? found
        at = at[Number(key)]
      } else if (isMap(at)) {
        found = this.#maps.get(at)?.[String(key)] ?? found
        at = at[String(key)]
      } else break
    }
    if (found === undefined) return undefined
    return this.#locate(Math.floor(found / fileUnit), found % fileUnit)
  }

  #locate(index: number, offset: number): { file: string; line: number; column: number } | undefined {
    const file = this.#files[index]
    if (file === undefined) return undefined
    return { file: file.path, ...toLineColumn(file.text, offset) }
  }

  /** A problem with the entry at `path`. */
  problem(root: Tree, path: TreePath, message: string, hint?: string): Problem {
    const place = this.find(root, path)
    return {
      message,
      path: renderPath(path),
      ...place,
      ...(hint === undefined ? {} : { hint }),
    }
  }
}

/** Line and column from 1 of an offset. */
export function toLineColumn(text: string, offset: number): { line: number; column: number } {
  let line = 1
  let start = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line += 1
    start = at + 1
  }
  return { line, column: offset - start + 1 }
}
