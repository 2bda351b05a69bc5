import { NodeBudget } from '../src/compose/load/budget.ts'
import { loadProjectNow } from '../src/compose/load/load-now.ts'
import { parseYaml } from '../src/compose/load/parse.ts'
import { Places } from '../src/compose/load/place.ts'
import { dropUnused } from '../src/compose/load/select.ts'
import { makeDictionary } from '../src/compose/model/dictionary.ts'
import { materialKey } from '../src/compose/model/material.ts'
import type { Materials } from '../src/compose/model/material.ts'
import type { Project } from '../src/compose/model/project.ts'
import type { Path, Tree } from './compose-schema.ts'
import { newerFields } from './fixtures/newer-fields.ts'
import { projectFields, projectFiles } from './fixtures/project-fields.ts'
import { fieldsFiles, fieldsProject, serviceFields } from './fixtures/service-fields.ts'

/** The rows of fields as whole projects, and what surrounds them. */

const files = new Map(Object.entries({ ...fieldsFiles, ...projectFiles }).map(([name, text]) => [`/p/${name}`, text]))

/** A file of a row, in a folder called /p. */
export function loadRow(text: string, profiles: readonly string[] = []): Project {
  return dropUnused(
    loadProjectNow(
      {
        files: [{ path: '/p/compose.yaml', text }],
        workingDir: '/p',
        environment: makeDictionary([['WORD', 'w']]),
        fallbackName: 'p',
      },
      {
        profiles,
        files: {
          readText: (path) => files.get(path),
          kindOf: (path) => (files.has(path) ? 'file' : 'missing'),
          resolveLinks: (path) => path,
        },
      },
    ),
  )
}

/** What the files, variables and texts that rows name hold. What is external is not known. */
export function materialsOf({ secrets, configs }: Project): Materials {
  const entries = Object.entries({ secret: secrets, config: configs }).flatMap(([kind, objects]) =>
    Object.entries(objects)
      .filter(([, { external }]) => external !== true)
      .map(([name, { content, environment, file }]): [string, string] => [
        materialKey(kind as 'secret' | 'config', name),
        content ?? `${environment ?? ''}${file ?? ''}`,
      ]),
  )
  const profile: [string, string] = [materialKey('seccomp', '/p/profile.json'), '{ "defaultAction": "SCMP_ACT_ALLOW" }']
  return {
    isRemote: false,
    entries: new Map([...entries, profile].map(([key, text]) => [key, { content: Buffer.from(text) }])),
  }
}

/** Texts of all rows by name. */
export function allRows(): ReadonlyMap<string, string> {
  return new Map([
    ...Object.entries(serviceFields).map(([name, { yaml }]) => [name, fieldsProject([['web', yaml]])] as const),
    ...Object.entries(projectFields).map(([name, { yaml }]) => [name, yaml] as const),
    ...Object.entries(newerFields).map(([name, { yaml }]) => [`newer: ${name}`, yaml] as const),
  ])
}

/** The one document of a file as plain data; tags are gone. */
export function parseTree(text: string): Tree {
  const budget = new NodeBudget(1_000_000)
  const [document] = parseYaml(text, { path: '/x.yaml', places: new Places(), budget, maxDepth: 100 })
  return JSON.parse(JSON.stringify(document?.tree ?? null)) as Tree
}

/** A copy without the value at the path. */
export function takeOut(tree: Tree, path: Path): Tree {
  const [key, ...rest] = path
  if (Array.isArray(tree)) {
    const list = tree as readonly Tree[]
    if (rest.length === 0) return list.filter((_, index) => index !== key)
    return list.map((entry, index) => (index === key ? takeOut(entry, rest) : entry))
  }
  const entries = Object.entries(tree as Readonly<Record<string, Tree>>)
  if (rest.length === 0) return Object.fromEntries(entries.filter(([name]) => name !== key))
  return Object.fromEntries(entries.map(([name, entry]) => [name, name === key ? takeOut(entry, rest) : entry]))
}

/** A copy with another value at the path. */
export function putIn(tree: Tree, path: Path, value: Tree): Tree {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (Array.isArray(tree))
    return tree.map((entry, index) => (index === key ? putIn(entry as Tree, rest, value) : entry))
  const entries = Object.entries(tree as Readonly<Record<string, Tree>>)
  return Object.fromEntries(entries.map(([name, entry]) => [name, name === key ? putIn(entry, rest, value) : entry]))
}

/** What is at the path. */
export function lookAt(tree: Tree, path: Path): Tree {
  return path.reduce<Tree>((from, key) => (from as Readonly<Record<string, Tree>>)[key] ?? null, tree)
}

/** Of fields whose values are a choice, durations, or names of what has to be there. */
const words = ['service_healthy', 'service_started', 'volume', 'bind', 'rebuild', '9s', 'other']

/** Other values of the same kind, one of which is as good as the value in most fields. */
export function othersLike(value: Tree): readonly Tree[] {
  if (typeof value === 'string') return [`${value}z`, ...words.filter((word) => word !== value)]
  if (typeof value === 'number') return [value + 1]
  if (typeof value === 'boolean') return [!value]
  return Array.isArray(value) ? [[...(value as readonly Tree[]), 'z']] : []
}
