import * as posix from 'node:path/posix'
import { copyDictionary, makeDictionary } from '../model/dictionary.ts'
import type { Dictionary } from '../model/dictionary.ts'
import { failedToRead, parseEnvFile } from './env-file.ts'
import { confine } from './confine.ts'
import { LoadError, makeFailure } from './failure.ts'
import { beyondLimit, readWithin } from './limits.ts'
import type { SourceFile } from './options.ts'
import { joinPath } from './paths.ts'
import type { Group } from './stage.ts'
import { goTypeOf } from './unique.ts'
import { countNodes, isMap, isSameTree, makeMap } from './tree.ts'
import type { Tree, TreeMap } from './tree.ts'

interface Entry {
  readonly paths: readonly string[]
  readonly projectDirectory?: string
  readonly envFiles: readonly string[]
}

const resourceKinds = ['services', 'volumes', 'networks', 'secrets', 'configs', 'models']

/**
 * Loads what `include` names and copies its resources into the document, in place. Each entry is a project
 * of its own: own folder, own `.env` below the variables of this one.
 *
 * @throws {compose/invalid} for a circle, with the chain, and for two different definitions of one name
 */
export function applyIncludes(document: TreeMap, file: SourceFile, group: Group): void {
  const included = [...group.included, file.path]
  for (const [index, entry] of readEntries(document, file, group).entries()) {
    const imported = withPlace(document, index, group, () => loadEntry(entry, included, group))
    for (const kind of resourceKinds) importKind(document, imported, kind, group)
  }
  delete document['include']
}

/** What goes wrong with an entry as a whole has the place of the entry. */
function withPlace(document: TreeMap, index: number, group: Group, load: () => TreeMap): TreeMap {
  try {
    return load()
  } catch (error) {
    if (!(error instanceof LoadError) || error.problems.some((problem) => problem.file !== undefined)) throw error
    const problems = error.problems.map(({ message, hint }) =>
      group.shared.places.problem(document, ['include', index], message, hint),
    )
    throw new LoadError(problems, error.code)
  }
}

function readEntries(document: TreeMap, file: SourceFile, group: Group): readonly Entry[] {
  const value = document['include']
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) {
    const message = `\`include\` must be a list, got ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`
    throw new LoadError([group.shared.places.problem(document, ['include'], message)])
  }
  return value.map((entry, index) => {
    const found = toEntry(entry, `[${index}]`)
    if (typeof found !== 'string') return found
    const message = `decoding failed due to the following error(s):\n\n${found}`
    throw new LoadError([group.shared.places.problem(document, ['include', index], message)])
  })
}

/** An entry, or what is wrong with it. One that names no file includes nothing. */
function toEntry(value: Tree, at: string): Entry | string {
  if (typeof value === 'string') return { paths: [value], envFiles: [] }
  if (value === null) return { paths: [], envFiles: [] }
  if (!isMap(value))
    return `'${at}' expected a map or struct, got "${Array.isArray(value) ? 'slice' : goTypeOf(value)}"`
  const folder = value['project_directory'] ?? ''
  const paths = toTexts(value['path'])
  const envFiles = toTexts(value['env_file'])
  if (paths === undefined) return `'${at}.path' invalid type ${goTypeOf(value['path'] ?? null)} for string list`
  if (envFiles === undefined)
    return `'${at}.env_file' invalid type ${goTypeOf(value['env_file'] ?? null)} for string list`
  if (typeof folder === 'object' || typeof folder === 'boolean') {
    return `'${at}.project_directory' expected type 'string', got unconvertible type '${goTypeOf(folder)}'`
  }
  return { paths, envFiles, ...(folder === '' ? {} : { projectDirectory: String(folder) }) }
}

function toTexts(value: Tree | undefined): readonly string[] | undefined {
  if (value === undefined || value === null) return []
  if (typeof value === 'string') return [value]
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? value : undefined
}

function loadEntry(entry: Entry, included: readonly string[], group: Group): TreeMap {
  const file = included.at(-1)
  const { shared } = group
  const home = group.environment['HOME']
  const { fetched } = shared.options.files
  const paths = entry.paths.map((path) => fetched?.(path) ?? within(group, file, joinPath(group.base, path, home)))
  const main = paths[0] ?? group.base
  if (included.includes(main)) {
    throw makeFailure(`include cycle detected:\n${[...included, main].join('\n include ')}`)
  }
  const { includeDepth } = shared.limits
  if (included.length > includeDepth) {
    throw beyondLimit(
      `files include each other more than ${includeDepth} deep:\n${included.join('\n')}`,
      'includeDepth',
    )
  }
  const written = entry.projectDirectory
  const base = written === undefined ? posix.dirname(main) : within(group, file, joinPath(group.base, written, home))
  // Paths come out relative to the including project, which joins its own folder in front.
  const folder = written !== undefined && posix.isAbsolute(written) ? base : posix.relative(group.root, base)
  const environment = readEnvironment(entry, base, file, group)
  if (paths.length === 0) return makeMap()
  const key = JSON.stringify([paths, base, folder, group.root, idOf(environment, group)])
  const known = shared.includes.trees.get(key) ?? loadFiles(paths, base, { ...group, folder, environment, included })
  shared.includes.trees.set(key, known)
  const copy = shared.places.clone(known)
  shared.budget.spend(countNodes(copy))
  return copy
}

/** @throws {compose/invalid} for a fetched file that includes what it did not come with */
function within(group: Group, file: string | undefined, path: string): string {
  const reason = confine(group, file).refuse?.(path)
  if (reason !== undefined) throw makeFailure(reason)
  return path
}

/** A number for an environment that stays the same as long as the very same one is meant. */
function idOf(environment: Dictionary<string>, group: Group): number {
  const { ids, environments } = group.shared.includes
  // The project's own environment is asked for first, when there is no other; each other one is in the map by then.
  const id = ids.get(environment) ?? environments.size
  ids.set(environment, id)
  return id
}

function loadFiles(paths: readonly string[], base: string, group: Group): TreeMap {
  const { shared } = group
  const files = paths.map((path): SourceFile => {
    if (path === '') throw makeFailure('cannot include a file without a name')
    const text = shared.read(path)
    if (text === undefined) throw makeFailure(`open ${path}: no such file or directory`, 'compose/not-found')
    return { path, text }
  })
  return group.readers.loadGroup(files, { ...group, base, root: base, chain: [] })
}

/** The variables of the including project win over those of the entry's env files. */
function readEnvironment(entry: Entry, base: string, file: string | undefined, group: Group): Dictionary<string> {
  const { shared } = group
  const files = shared.options.files
  const named = entry.envFiles.map((path) => within(group, file, joinPath(group.base, path, group.environment['HOME'])))
  const automatic = posix.join(base, '.env')
  const paths = named.length > 0 ? named : files.kindOf(automatic) === 'file' ? [automatic] : []
  if (paths.length === 0) return group.environment
  const { environments } = shared.includes
  const key = JSON.stringify([idOf(group.environment, group), paths])
  const known = environments.get(key) ?? readFiles(paths, group)
  environments.set(key, known)
  return known
}

function readFiles(paths: readonly string[], group: Group): Dictionary<string> {
  const { shared } = group
  const found = makeDictionary<string>()
  for (const path of paths) {
    const text = readWithin(shared.options.files, path, 'envFileBytes', shared.limits)
    if (text === undefined) throw makeFailure(`stat ${path}: no such file or directory`, 'compose/not-found')
    try {
      parseEnvFile(text, found, {
        lookUp: (name) => group.environment[name],
        limits: shared.limits,
        warn: shared.warn,
      })
    } catch (error) {
      throw failedToRead(path, error)
    }
  }
  return Object.assign(found, copyDictionary(group.environment))
}

function importKind(document: TreeMap, imported: TreeMap, kind: string, group: Group): void {
  const source = imported[kind]
  if (!isMap(source)) return
  const held = document[kind]
  const target = isMap(held) ? held : makeMap()
  for (const name of Object.keys(source)) {
    const known = target[name]
    if (known === undefined) {
      target[name] = source[name] ?? null
      group.shared.places.moveKey(source, target, name)
    } else if (!isSameTree(known, source[name])) {
      const message = `${kind}.${name} conflicts with imported resource`
      throw new LoadError([group.shared.places.problem(document, [kind, name], message)])
    }
  }
  document[kind] = target
}
