import { describeSubstitution } from './interpolate.ts'
import type { InterpolateContext } from './interpolate.ts'
import { LoadError } from './failure.ts'
import { compileRules, stepRule } from './path-rule.ts'
import type { RuleNode } from './path-rule.ts'
import { SubstitutionError, substitute } from './substitute.ts'
import { isMap } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'

/** Maps whose keys are names of services or labels. Other keys are those of the format, or name what is defined there. */
const open: RuleNode<true> = compileRules<true>({
  'services.*.depends_on': true,
  'services.*.labels': true,
  'services.*.build.labels': true,
  'services.*.deploy.labels': true,
  'networks.*.labels': true,
  'volumes.*.labels': true,
  'secrets.*.labels': true,
  'configs.*.labels': true,
})

/** A file asks for it: docker-compose, which fills in values alone, shall read all other files as we do. */
function isAsked(tree: TreeMap): boolean {
  return tree['x-interpolate-keys'] === true
}

/**
 * Fills in variables in the keys of `depends_on` and of labels, in place, in a file that says `x-interpolate-keys: true`.
 *
 * @throws {compose/interpolation} naming the path, with file, line and column, also for two keys that become one
 */
export function interpolateKeys(tree: TreeMap, { variables, places }: InterpolateContext): void {
  if (!isAsked(tree)) return
  visitOpenMaps(tree, [], open, (map, path) => {
    const entries = Object.entries(map)
    if (!entries.some(([key]) => key.includes('$'))) return
    const fail = (key: string, message: string): LoadError =>
      new LoadError([places.problem(tree, [...path, key], message)], 'compose/interpolation')
    const named = entries.map(([key, value]) => {
      try {
        return { key, value, name: substitute(key, variables) }
      } catch (error) {
        if (!(error instanceof SubstitutionError)) throw error
        throw fail(key, describeSubstitution(error, path.join('.')))
      }
    })
    const owners = new Map<string, string>()
    for (const { key, name } of named) {
      const other = owners.get(name)
      if (other !== undefined)
        throw fail(key, `${path.join('.')}: keys "${other}" and "${key}" both stand for "${name}"`)
      owners.set(name, key)
    }
    places.renameKeys(map, owners)
    for (const { key } of named) delete map[key]
    for (const { name, value } of named) map[name] = value
  })
}

/** Runs the body while keys that are not filled in are out of the way: as they stand they name no service. */
export function withoutOpenKeys(tree: TreeMap, body: () => void): void {
  const hidden: (readonly [TreeMap, readonly (readonly [string, Tree])[]])[] = []
  if (isAsked(tree)) {
    visitOpenMaps(tree, [], open, (map) => {
      const entries = Object.entries(map)
      const unfilled = entries.filter(([key]) => key.includes('$'))
      if (unfilled.length > 0) hidden.push([map, entries])
      for (const [key] of unfilled) delete map[key]
    })
  }
  try {
    body()
  } finally {
    for (const [map, entries] of hidden) {
      // In the order in which they were.
      for (const [key, value] of entries) {
        delete map[key]
        map[key] = value
      }
    }
  }
}

/** Keys in which variables count; none where the file does not ask for it. */
export function listOpenKeys(tree: Tree): readonly string[] {
  const keys: string[] = []
  if (isMap(tree) && isAsked(tree)) visitOpenMaps(tree, [], open, (map) => keys.push(...Object.keys(map)))
  return keys
}

function visitOpenMaps(
  tree: Tree,
  path: TreePath,
  rules: RuleNode<true>,
  visit: (map: TreeMap, path: TreePath) => void,
): void {
  if (!isMap(tree)) return
  if (rules.rule === true) return visit(tree, path)
  for (const [key, value] of Object.entries(tree)) {
    const below = stepRule(rules, key)
    if (below !== undefined) visitOpenMaps(value, [...path, key], below, visit)
  }
}
