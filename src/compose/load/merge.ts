import { LoadError } from './failure.ts'
import { compileRules, stepRule } from './path-rule.ts'
import type { RuleNode } from './path-rule.ts'
import type { Places } from './place.ts'
import { renderScalar } from './plain.ts'
import { isMap, makeMap, renderPath } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'
import { compareNames } from '../model/dictionary.ts'

/** Joins what earlier files said (`base`) with what a later one says (`over`) at one path. */
type MergeRule = (merge: Merger, base: Tree, over: Tree, path: TreePath) => Tree

/**
 * compose-go override/merge.go: the paths that do not follow the general rule (maps merge, lists are
 * appended, anything else is replaced, null keeps what was there).
 */
const mergeRules: RuleNode<MergeRule> = compileRules<MergeRule>({
  'networks.*.ipam.config': mergePools,
  'networks.*.labels': appendPairs,
  'volumes.*.labels': appendPairs,
  'services.*.annotations': appendPairs,
  'services.*.build': mergeBuild,
  'services.*.build.additional_contexts': appendPairs,
  'services.*.build.args': appendPairs,
  'services.*.build.extra_hosts': appendHosts,
  'services.*.build.labels': appendPairs,
  'services.*.command': replace,
  'services.*.depends_on': mergeDependencies,
  'services.*.deploy.labels': appendPairs,
  'services.*.dns': appendPairs,
  'services.*.dns_opt': appendPairs,
  'services.*.dns_search': appendPairs,
  'services.*.entrypoint': replace,
  'services.*.env_file': appendPairs,
  'services.*.environment': appendPairs,
  'services.*.extra_hosts': appendHosts,
  'services.*.healthcheck.test': replace,
  'services.*.label_file': appendPairs,
  'services.*.labels': appendPairs,
  'services.*.logging': mergeLogging,
  'services.*.models': mergeNamed,
  'services.*.networks': mergeNamed,
  'services.*.sysctls': appendPairs,
  'services.*.tmpfs': appendPairs,
  'services.*.ulimits.*': replace,
})

/**
 * Merges `over` onto `base`. Both are consumed: the result is made of their parts.
 *
 * @throws {compose/invalid} where a map or list meets another kind
 */
export function mergeTrees(base: TreeMap, over: TreeMap, places: Places): TreeMap {
  return new Merger(places, over).mergeMaps(base, over, [], mergeRules)
}

/** The same for two definitions of one service: `extends`. */
export function mergeService(base: TreeMap, over: TreeMap, places: Places): TreeMap {
  const rules = stepRule(mergeRules, 'services')?.any
  return new Merger(places, over).mergeMaps(base, over, ['services', 'x'], rules)
}

class Merger {
  readonly places: Places
  readonly #over: TreeMap

  constructor(places: Places, over: TreeMap) {
    this.places = places
    this.#over = over
  }

  merge(base: Tree, over: Tree, path: TreePath, rules: RuleNode<MergeRule> | undefined): Tree {
    if (rules?.rule !== undefined) return rules.rule(this, base, over, path)
    if (over === null) return base
    if (isMap(base)) return this.mergeMaps(base, isMap(over) ? over : this.#refuse(path), path, rules)
    if (Array.isArray(base)) return this.append(base, Array.isArray(over) ? over : this.#refuse(path))
    return over
  }

  mergeMaps(base: TreeMap, over: TreeMap, path: TreePath, rules: RuleNode<MergeRule> | undefined): TreeMap {
    for (const key of Object.keys(over)) {
      const added = over[key] ?? null
      const known = base[key]
      const below = rules === undefined ? undefined : stepRule(rules, key)
      base[key] = known === undefined ? added : this.merge(known, added, [...path, key], below)
      if (known === undefined || base[key] === added) this.places.moveKey(over, base, key)
    }
    return base
  }

  append(base: Tree[], over: Tree[]): Tree[] {
    const made = [...base, ...over]
    this.places.joinLists(made, base, over)
    return made
  }

  #refuse(path: TreePath): never {
    throw new LoadError([this.places.problem(this.#over, path, `cannot override ${renderPath(path)}`)])
  }
}

function replace(_merge: Merger, _base: Tree, over: Tree): Tree {
  return over
}

/** Lists and maps of pairs: both become lists of `key=value`; the later of two equal keys is kept afterwards. */
function appendPairs(merge: Merger, base: Tree, over: Tree): Tree {
  return merge.append(toPairs(base), toPairs(over))
}

/** Host names may have several addresses, so only exact duplicates go. */
function appendHosts(merge: Merger, base: Tree, over: Tree): Tree {
  const known = toPairs(base)
  const seen = new Set(known)
  return merge.append(
    known,
    toPairs(over).filter((entry) => !seen.has(entry)),
  )
}

function toPairs(value: Tree): Tree[] {
  if (Array.isArray(value)) return value
  if (typeof value === 'string') return [value]
  if (!isMap(value)) return []
  const pairs: string[] = []
  for (const [key, held] of Object.entries(value)) {
    if (held === null) pairs.push(key)
    else for (const one of Array.isArray(held) ? held : [held]) pairs.push(`${key}=${renderScalar(one)}`)
  }
  return pairs.sort(compareNames)
}

function mergeBuild(merge: Merger, base: Tree, over: Tree, path: TreePath): Tree {
  return merge.mergeMaps(toBuild(base), toBuild(over), path, ruleAt('build'))
}

function toBuild(value: Tree): TreeMap {
  if (isMap(value)) return value
  const made = makeMap()
  if (typeof value === 'string') made['context'] = value
  return made
}

function mergeDependencies(merge: Merger, base: Tree, over: Tree, path: TreePath): Tree {
  const started = (): Tree => Object.assign(makeMap(), { condition: 'service_started', required: true })
  return merge.mergeMaps(toNamed(base, started), toNamed(over, started), path, undefined)
}

function mergeNamed(merge: Merger, base: Tree, over: Tree, path: TreePath): Tree {
  const nothing = (): Tree => null
  return merge.mergeMaps(toNamed(base, nothing), toNamed(over, nothing), path, undefined)
}

/** A list of names as a map. */
function toNamed(value: Tree, make: () => Tree): TreeMap {
  if (isMap(value)) return value
  const made = makeMap()
  if (Array.isArray(value)) for (const name of value) made[renderScalar(name)] = make()
  return made
}

/** Options belong to a driver: another driver starts from nothing. */
function mergeLogging(merge: Merger, base: Tree, over: Tree, path: TreePath): Tree {
  if (!isMap(base) || !isMap(over)) return over === null ? base : over
  const [before, after] = [base['driver'], over['driver']]
  const isSame = before === undefined || after === undefined || before === after
  return isSame ? merge.mergeMaps(base, over, path, undefined) : over
}

/** Address pools are the same pool when their subnet is. */
function mergePools(merge: Merger, base: Tree, over: Tree, path: TreePath): Tree {
  if (!Array.isArray(base) || !Array.isArray(over)) return over === null ? base : over
  const added: Tree[] = []
  for (const pool of over) {
    const known = base.find((other) => isMap(other) && isMap(pool) && other['subnet'] === pool['subnet'])
    if (isMap(known) && isMap(pool)) merge.mergeMaps(known, pool, path, undefined)
    else added.push(pool)
  }
  return merge.append(base, added)
}

function ruleAt(key: string): RuleNode<MergeRule> | undefined {
  return stepRule(mergeRules, 'services')?.any?.named.get(key)
}
