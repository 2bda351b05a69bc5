/** A method and a path pattern: exact (`/containers/json`), or with one `*` that stands for a name, slashes included. */
export interface Route<H> {
  readonly method: string
  readonly pattern: string
  readonly handler: H
}

/** A route that fits, and what its `*` stands for (empty when it has none). */
export interface Match<H> {
  readonly handler: H
  readonly name: string
}

interface Branch<H> {
  /** What follows the first segment, word for word. */
  readonly exact: Map<string, H>
  /** What follows the name: nothing, one segment or two. */
  readonly suffixes: Map<string, H>
}

/**
 * Finds the handler of a request in a few map look-ups, however many routes there are. Exact routes win over
 * names, longer suffixes over shorter ones: `/containers/json` is the list, `/containers/a/attach/ws` is not a
 * container called `a/attach`.
 */
export class Router<H> {
  readonly #branches = new Map<string, Branch<H>>()

  constructor(routes: Iterable<Route<H>>) {
    for (const route of routes) this.#add(route)
  }

  /** @param path decoded, without version */
  find(method: string, path: string): Match<H> | undefined {
    const cut = cutOf(path)
    const first = cut < 0 ? path : path.slice(0, cut)
    const branch = this.#branches.get(method + first)
    if (branch === undefined) return undefined
    const rest = cut < 0 ? '' : path.slice(cut + 1)
    const exact = branch.exact.get(rest)
    if (exact !== undefined) return { handler: exact, name: '' }
    if (rest === '') return undefined
    return matchName(branch, rest)
  }

  #add(route: Route<H>): void {
    const cut = cutOf(route.pattern)
    const first = cut < 0 ? route.pattern : route.pattern.slice(0, cut)
    const rest = cut < 0 ? '' : route.pattern.slice(cut + 1)
    const key = route.method + first
    const branch = this.#branches.get(key) ?? { exact: new Map<string, H>(), suffixes: new Map<string, H>() }
    this.#branches.set(key, branch)
    if (!rest.startsWith('*')) branch.exact.set(rest, route.handler)
    else branch.suffixes.set(rest === '*' ? '' : rest.slice(2), route.handler)
  }
}

/** Our own routes begin with a segment that is always the same: the noun is the second one there. */
const ownPrefix = '/flotilla/'

function cutOf(path: string): number {
  return path.indexOf('/', path.startsWith(ownPrefix) ? ownPrefix.length : 1)
}

function matchName<H>(branch: Branch<H>, rest: string): Match<H> | undefined {
  const last = rest.lastIndexOf('/')
  if (last > 0) {
    const before = rest.lastIndexOf('/', last - 1)
    if (before > 0) {
      const handler = branch.suffixes.get(rest.slice(before + 1))
      if (handler !== undefined) return { handler, name: rest.slice(0, before) }
    }
    const handler = branch.suffixes.get(rest.slice(last + 1))
    if (handler !== undefined) return { handler, name: rest.slice(0, last) }
  }
  const handler = branch.suffixes.get('')
  return handler === undefined ? undefined : { handler, name: rest }
}
