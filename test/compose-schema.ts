import { composeSchema } from '../schemas/compose.mjs'
import type { Schema } from '../schemas/compose.mjs'

/**
 * Every place of a Compose file that the schema knows, with the forms a value may have there. A place with its form is one
 * line: `services.*.ports[] map`. `*` stands for a name the user chooses, `[]` for an entry of a list.
 */
export type Form = 'scalar' | 'list' | 'map' | 'null'

/** Plain data, as a YAML parser gives it. */
export type Tree = null | boolean | number | string | readonly Tree[] | { readonly [key: string]: Tree }

/** Where a value is in a tree. */
export type Path = readonly (string | number)[]

/** The place of a line, whatever the form. */
export function fieldOf(line: string): string {
  return line.slice(0, line.lastIndexOf(' '))
}

/** All lines of the schema. `x-` keys are the user's own and no places. */
export function placesOfSchema(): readonly string[] {
  const found: string[] = []
  enumerate(composeSchema, '', found)
  return [...new Set(found)].sort()
}

/** The lines a file uses, each with the paths of the values that stand there. */
export function placesOfTree(tree: Tree): ReadonlyMap<string, readonly Path[]> {
  const found = new Map<string, Path[]>()
  visit(tree, [composeSchema], '', [], (place, path) => {
    const paths = found.get(place)
    if (paths === undefined) found.set(place, [path])
    else paths.push(path)
  })
  return found
}

/** The branches of a schema without alternatives and references. */
function branchesOf(schema: Schema): readonly Schema[] {
  if (schema.$ref !== undefined) {
    const named = composeSchema.definitions[schema.$ref.slice('#/definitions/'.length)]
    if (named === undefined) throw new Error(`no definition for ${schema.$ref}`)
    return branchesOf(named)
  }
  return schema.oneOf === undefined ? [schema] : schema.oneOf.flatMap(branchesOf)
}

const formOfType: Readonly<Record<string, Form>> = { array: 'list', object: 'map', null: 'null' }

function enumerate(schema: Schema, place: string, into: string[]): void {
  for (const branch of branchesOf(schema)) {
    for (const type of [branch.type ?? []].flat())
      if (place !== '') into.push(`${place} ${formOfType[type] ?? 'scalar'}`)
    for (const [key, below] of Object.entries(branch.properties ?? {})) enumerate(below, join(place, key), into)
    for (const below of namedSchemas(branch)) enumerate(below, join(place, '*'), into)
    if (branch.items !== undefined) enumerate(branch.items, `${place}[]`, into)
  }
}

function join(place: string, key: string): string {
  return place === '' ? key : `${place}.${key}`
}

function namedSchemas({ patternProperties = {} }: Schema): readonly Schema[] {
  return Object.entries(patternProperties).flatMap(([pattern, schema]) => (pattern === '^x-' ? [] : [schema]))
}

function formOf(tree: Tree): Form {
  if (tree === null) return 'null'
  if (typeof tree !== 'object') return 'scalar'
  return Array.isArray(tree) ? 'list' : 'map'
}

type Visit = (place: string, path: Path) => void

function visit(tree: Tree, schemas: readonly Schema[], place: string, path: Path, onPlace: Visit): void {
  const form = formOf(tree)
  const branches = schemas
    .flatMap(branchesOf)
    .filter(({ type }) => [type ?? []].flat().some((each) => (formOfType[each] ?? 'scalar') === form))
  if (branches.length === 0) return
  if (place !== '') onPlace(`${place} ${form}`, path)
  if (Array.isArray(tree)) {
    const items = branches.flatMap((branch) => branch.items ?? [])
    for (const [index, entry] of (tree as readonly Tree[]).entries()) {
      visit(entry, items, `${place}[]`, [...path, index], onPlace)
    }
  } else if (form === 'map') {
    for (const [key, entry] of Object.entries(tree as Readonly<Record<string, Tree>>)) {
      const own = branches.flatMap((branch) => branch.properties?.[key] ?? [])
      if (own.length > 0) visit(entry, own, join(place, key), [...path, key], onPlace)
      else if (!key.startsWith('x-'))
        visit(entry, branches.flatMap(namedSchemas), join(place, '*'), [...path, key], onPlace)
    }
  }
}
