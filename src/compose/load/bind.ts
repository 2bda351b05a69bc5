import type { Struct, Field, Kind, ScalarKind } from '../model/field/kind.ts'
import { setFields } from '../model/field/select.ts'
import { assertNever } from '../../core/errors.ts'
import { bindScalar } from './bind-scalar.ts'
import type { BindProblem } from './bind-scalar.ts'
import { LoadError } from './failure.ts'
import type { Places } from './place.ts'
import type { Shared } from './stage.ts'
import { isMap, makeMap } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'
import type { Problem } from '../model/problem.ts'

/**
 * Turns parts of the finished tree into parts of the model: texts like `64m` and `1m30s` become numbers,
 * lists of pairs become maps. Collects every mistake; `finish` throws them together.
 */
export class Binder {
  readonly #root: TreeMap
  readonly #places: Places
  readonly #warn: (message: string) => void
  readonly #problems: Problem[] = []

  constructor(root: TreeMap, { places, warn }: Pick<Shared, 'places' | 'warn'>) {
    this.#root = root
    this.#places = places
    this.#warn = warn
  }

  /** @throws {compose/invalid} with all mistakes so far, in the reference program's words */
  finish(): void {
    const [first, ...rest] = this.#problems
    if (first === undefined) return
    const message = `decoding failed due to the following error(s):\n\n${first.message}`
    throw new LoadError([{ ...first, message }, ...rest])
  }

  /** Fields of `value` in the model's form; absent when the tree has null or nothing there. */
  bindStruct(struct: Struct, value: TreeMap, path: TreePath): TreeMap {
    const made = makeMap()
    for (const field of setFields(struct, value)) this.#bindField(made, field, value, path)
    if (struct.isExtensible) {
      for (const key of Object.keys(value)) if (key.startsWith('x-')) made[key] = value[key] ?? null
    }
    return made
  }

  #bindField(made: TreeMap, [name, kind]: Field, value: TreeMap, path: TreePath): void {
    const held = value[name]
    if (held === undefined || held === null) return
    const bound = this.#bind(kind, held, [...path, name])
    // A text without letters, as of a variable that is not set, is none: `image: ${IMAGE}`, `container_name: ""`.
    if (bound !== undefined && bound !== '') made[name] = bound
  }

  #bind(kind: Kind, value: Tree, path: TreePath): Tree | undefined {
    if (typeof kind === 'string') return this.#bindScalar(kind, value, path)
    switch (kind.kind) {
      case 'struct':
        return isMap(value) ? this.bindStruct(kind.struct, value, path) : this.#unexpected(value, path)
      case 'list':
        return this.#bindList(kind.of, value, path)
      case 'map':
        return this.#bindMap(kind, value, path)
      default:
        return assertNever(kind)
    }
  }

  #bindList(of: Kind, value: Tree, path: TreePath): Tree | undefined {
    if (!Array.isArray(value)) return this.#unexpected(value, path)
    const made: Tree[] = []
    for (const [index, entry] of value.entries()) {
      const bound = entry === null ? undefined : this.#bind(of, entry, [...path, index])
      if (bound !== undefined) made.push(bound)
    }
    return made
  }

  #bindMap(kind: Extract<Kind, { readonly kind: 'map' }>, value: Tree, path: TreePath): Tree | undefined {
    if (!isMap(value)) return this.#unexpected(value, path)
    const made = makeMap()
    for (const [name, entry] of Object.entries(value)) {
      if (entry === null && kind.isNullable === true) made[name] = null
      const bound = entry === null ? undefined : this.#bind(kind.of, entry, [...path, name])
      if (bound !== undefined) made[name] = bound
    }
    return made
  }

  #bindScalar(kind: ScalarKind, value: Tree, path: TreePath): Tree | undefined {
    const bound = bindScalar(kind, value, this.#warn)
    return isProblem(bound) ? this.#report(bound, path) : bound
  }

  #unexpected(value: Tree, path: TreePath): undefined {
    return this.#report({ problem: `has an unexpected value ${JSON.stringify(value)}` }, path)
  }

  #report(found: BindProblem, path: TreePath): undefined {
    const [below, at] = found.at === undefined ? [path, ''] : [[...path, found.at], `[${found.at}]`]
    const message = `'${renderBindPath(path)}${at}' ${found.problem}`
    this.#problems.push(this.#places.problem(this.#root, below, message))
    return undefined
  }
}

function isProblem(value: Tree | BindProblem): value is BindProblem {
  return typeof value === 'object' && value !== null && 'problem' in value && Object.getPrototypeOf(value) !== null
}

/** `services[web].ports[0].target`: names chosen by the user and positions stand in brackets. */
function renderBindPath(path: TreePath): string {
  return path
    .map((key, index) => (index === 0 ? String(key) : index === 1 || typeof key === 'number' ? `[${key}]` : `.${key}`))
    .join('')
}
