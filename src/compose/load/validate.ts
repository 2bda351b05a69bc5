import { GoScalar } from '../model/go-scalar.ts'
import type { Problem } from '../model/problem.ts'
import { LoadError } from './failure.ts'
import { nearestName } from './nearest.ts'
import { compileRules, stepRule } from './path-rule.ts'
import type { Places } from './place.ts'
import { fieldNames, validate } from './schema.generated.js'
import type { SchemaError } from './schema.generated.js'
import { renderScalar } from './plain.ts'
import type { Shared } from './stage.ts'
import { isMap, mapAt, renderPath, toPlainTree } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'

/** Problems shown at most; a file that is no Compose file at all would fill the screen. */
const maxProblems = 20

/**
 * Checks the shape of everything: names and types of fields, words of choices.
 *
 * @param file named in the messages, as the reference program does
 * @throws {compose/invalid} with all problems, the reference program's text for each
 */
export function validateTree(tree: TreeMap, file: string, { places, seen }: Pick<Shared, 'places' | 'seen'>): void {
  if (seen.goScalars) refuseDates(tree, file, places)
  refuseTwins(tree, file, places)
  // Numbers stay numbers, however large: that is what their type is checked for.
  if (validate(seen.goScalars ? toPlainTree(tree, ({ number }) => number) : tree)) return
  const problems = pickProblems(validate.errors ?? []).map((found) => toProblem(tree, file, places, found))
  throw new LoadError(problems.slice(0, maxProblems))
}

/** Only what `x-` fields hold may be a date. */
function refuseDates(tree: TreeMap, file: string, places: Places): void {
  const problems: Problem[] = []
  const look = (value: Tree, path: TreePath): void => {
    if (value instanceof GoScalar && value.kind === 'time') {
      const message = `validating ${file}: ${renderPath(path)} invalid jsonType time.Time`
      problems.push(places.problem(tree, path, message, 'put the date in quotes'))
    } else if (Array.isArray(value)) for (const [index, entry] of value.entries()) look(entry, [...path, index])
    else if (isMap(value)) {
      for (const key of Object.keys(value)) if (!key.startsWith('x-')) look(value[key] ?? null, [...path, key])
    }
  }
  look(tree, [])
  if (problems.length > 0) throw new LoadError(problems.slice(0, maxProblems))
}

/** To the reference program's schema a group given as text is the same as a number behind it. */
function refuseTwins(tree: TreeMap, file: string, places: Places): void {
  for (const [name, service] of Object.entries(mapAt(tree, 'services') ?? {})) {
    const groups = isMap(service) ? service['group_add'] : undefined
    if (!Array.isArray(groups)) continue
    const earlierOf = (group: Tree, index: number): number =>
      typeof group === 'number' ? groups.slice(0, index).indexOf(renderScalar(group)) : -1
    const later = groups.findIndex((group, index) => earlierOf(group, index) >= 0)
    if (later < 0) continue
    const path = ['services', name, 'group_add']
    const earlier = earlierOf(groups[later] ?? null, later)
    const message = `validating ${file}: ${renderPath(path)} items at ${earlier} and ${later} are equal`
    throw new LoadError([places.problem(tree, [...path, later], message)])
  }
}

/** A complaint with its path cut into keys. */
interface Found {
  readonly path: readonly string[]
  readonly error: SchemaError
  readonly names: readonly string[]
}

/**
 * One complaint for each mistake. Where a value may have one of several forms, every form complains; the
 * complaint that goes deepest is about the form that was meant.
 */
function pickProblems(errors: readonly SchemaError[]): readonly Found[] {
  const choices = errors.filter((error) => error.keyword === 'oneOf').map((error) => error.instancePath)
  const groups = new Map<string, Found>()
  for (const error of errors) {
    if (error.keyword === 'oneOf') continue
    const path = parsePointer(error.instancePath)
    const choice = outermost(choices, error.instancePath)
    const group = choice ?? `${error.instancePath} ${error.keyword}`
    const known = groups.get(group)
    const named = error.params['additionalProperty'] ?? error.params['missingProperty']
    const name = typeof named === 'string' ? named : ''
    const found: Found = { path, error, names: [name] }
    if (known === undefined || depthOf(found) > depthOf(known)) groups.set(group, found)
    else if (isSameKind(known, found)) groups.set(group, { ...known, names: [...known.names, name] })
  }
  return [...groups.values()]
}

function isSameKind(known: Found, found: Found): boolean {
  const isListing = known.error.keyword === 'additionalProperties' || known.error.keyword === 'required'
  return (
    isListing && known.error.keyword === found.error.keyword && known.error.instancePath === found.error.instancePath
  )
}

function depthOf(found: Found): number {
  return found.path.length + (found.error.keyword === 'additionalProperties' ? 1 : 0)
}

function outermost(choices: readonly string[], path: string): string | undefined {
  let best: string | undefined
  for (const choice of choices) {
    const isAbove = path === choice || path.startsWith(`${choice}/`)
    if (isAbove && (best === undefined || choice.length < best.length)) best = choice
  }
  return best
}

function parsePointer(pointer: string): readonly string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function toProblem(tree: TreeMap, file: string, places: Places, found: Found): Problem {
  const { path, error, names } = found
  const message = `validating ${file}: ${renderPath(path)} ${describe(tree, found)}`
  if (error.keyword === 'uniqueItems') {
    return places.problem(tree, [...path, equalItems(error.params)[1] ?? 0], message)
  }
  if (error.keyword !== 'additionalProperties') return places.problem(tree, path, message)
  const name = names[0] ?? ''
  const nearest = nearestName(name, allowedAt(path))
  return places.problem(
    tree,
    [...path, name],
    message,
    nearest === undefined ? undefined : `did you mean "${nearest}"?`,
  )
}

const namesByPath = compileRules(fieldNames)

function allowedAt(path: readonly string[]): readonly string[] {
  let node: ReturnType<typeof stepRule<readonly string[]>> = namesByPath.named.get('') ?? namesByPath
  if (path.length === 0) return node.rule ?? []
  node = namesByPath
  for (const key of path) node = node === undefined ? undefined : stepRule(node, key)
  return node?.rule ?? []
}

/** The texts of the reference program's schema library. */
function describe(tree: TreeMap, { path, error, names }: Found): string {
  const { params } = error
  switch (error.keyword) {
    case 'additionalProperties':
      return `additional properties ${quoteAll(names)} not allowed`
    case 'required':
      return names.length === 1 ? `missing property ${quoteAll(names)}` : `missing properties ${quoteAll(names)}`
    case 'type':
      return `must be a ${renderTypes(params['type'])}`
    case 'minimum':
      return `must be greater than or equal to ${String(params['limit'])}`
    case 'maximum':
      return `must be less than or equal to ${String(params['limit'])}`
    case 'enum': {
      const allowed = params['allowedValues'] as readonly string[]
      return allowed.length === 1 ? `value must be ${quoteAll(allowed)}` : `value must be one of ${quoteAll(allowed)}`
    }
    case 'pattern':
      return `${quoteAll([renderScalar(valueAt(tree, path) ?? '')])} does not match pattern ${quoteAll([String(params['pattern'])])}`
    case 'uniqueItems':
      return `items at ${equalItems(params).join(' and ')} are equal`
    default:
      return `is not valid (${error.keyword})`
  }
}

/** Positions of two equal entries, the earlier one first. */
function equalItems(params: SchemaError['params']): readonly number[] {
  return [Number(params['i']), Number(params['j'])].sort((a, b) => a - b)
}

function quoteAll(words: readonly string[]): string {
  return words.map((name) => `'${name}'`).join(', ')
}

function renderTypes(types: unknown): string {
  const list = (Array.isArray(types) ? types : [types]).map((type) => (type === 'object' ? 'mapping' : String(type)))
  const sorted = list.sort()
  return sorted.length === 1 ? String(sorted[0]) : `${sorted.slice(0, -1).join(', ')} or ${String(sorted.at(-1))}`
}

function valueAt(tree: Tree, path: readonly string[]): Tree | undefined {
  let at: Tree | undefined = tree
  for (const key of path) {
    if (Array.isArray(at)) at = at[Number(key)]
    else at = isMap(at) ? at[key] : undefined
  }
  return at
}
