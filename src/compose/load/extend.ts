import * as posix from 'node:path/posix'
import { confine } from './confine.ts'
import { LoadError, makeFailure } from './failure.ts'
import { beyondLimit } from './limits.ts'
import { mergeService } from './merge.ts'
import type { SourceFile } from './options.ts'
import { joinPath, resolvePaths } from './paths.ts'
import { applyResets } from './reset.ts'
import type { ExtendChain, Group } from './stage.ts'
import { countNodes, isMap, makeMap } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'

/** Services of one file, with the resets that file carries. */
interface Scope {
  readonly services: TreeMap
  readonly file: string
  readonly resets: readonly TreePath[]
  readonly group: Group
}

/**
 * Puts the base under every service that has `extends`, in place. A base may extend further, in its own
 * file or another one.
 *
 * @throws {compose/invalid} for a base that is not there and for a circle, with the whole chain
 */
export function extendServices(document: TreeMap, resets: readonly TreePath[], file: SourceFile, group: Group): void {
  const services = document['services']
  if (services === undefined) return
  if (!isMap(services)) fail(document, group, ['services'], 'services must be a mapping')
  const scope: Scope = { services, file: file.path, resets, group }
  const bases = new Map<string, Scope>()
  for (const name of Object.keys(services)) {
    const extended = extendOne(document, name, scope, group.chain, bases)
    if (extended !== undefined) services[name] = extended
  }
}

function fail(root: TreeMap, group: Group, path: TreePath, message: string): never {
  throw new LoadError([group.shared.places.problem(root, path, message)])
}

function extendOne(
  root: TreeMap,
  name: string,
  scope: Scope,
  chain: ExtendChain,
  bases: Map<string, Scope>,
): Tree | undefined {
  const service = scope.services[name]
  if (service === undefined || service === null) return service
  if (!isMap(service)) fail(root, scope.group, ['services', name], `services.${name} must be a mapping`)
  const extended = service['extends']
  if (extended === undefined) return service
  const { base, file } = readReference(root, name, extended, scope)
  const from = file === undefined ? scope : openBase(root, name, base, file, scope, bases)
  if (file === undefined && scope.services[base] === undefined) {
    const message = `cannot extend service "${name}" in ${scope.file}: service "${base}" not found`
    fail(root, scope.group, ['services', name, 'extends'], message)
  }
  const next = extendChain(chain, { service: name, file: file ?? scope.file }, scope.group.shared.limits.includeDepth)
  const found = extendOne(root, base, from, next, bases)
  if (!isMap(found)) return service
  return joinBase(name, found, service, scope)
}

function joinBase(name: string, found: TreeMap, service: TreeMap, scope: Scope): TreeMap {
  const { places, budget } = scope.group.shared
  const base = places.clone(found)
  budget.spend(countNodes(base))
  applyResets({ services: { [name]: base } as TreeMap }, scope.resets)
  const merged = mergeService(base, service, places)
  delete merged['extends']
  scope.services[name] = merged
  return merged
}

function readReference(root: TreeMap, name: string, extended: Tree, scope: Scope): { base: string; file?: string } {
  if (typeof extended === 'string') return { base: extended }
  const base = isMap(extended) ? extended['service'] : undefined
  if (typeof base !== 'string' || !isMap(extended)) {
    return fail(root, scope.group, ['services', name, 'extends'], `extends.${name}.service is required`)
  }
  const file = extended['file']
  return typeof file === 'string' ? { base, file } : { base }
}

function extendChain(chain: ExtendChain, link: ExtendChain[number], limit: number): ExtendChain {
  const isCircle = chain.some((seen) => seen.service === link.service && seen.file === link.file)
  const lines = [...chain, link].map(
    ({ service, file }, index) => `  ${index === 0 ? '' : 'extends '}${service} in ${file}`,
  )
  if (isCircle) throw makeFailure(`Circular reference:\n${lines.join('\n')}`)
  if (chain.length >= limit) {
    throw beyondLimit(`services extend each other more than ${limit} deep:\n${lines.join('\n')}`, 'includeDepth')
  }
  return [...chain, link]
}

/** Reads the file of a base once; all services that extend from it share its tree. */
function openBase(
  root: TreeMap,
  name: string,
  base: string,
  file: string,
  scope: Scope,
  bases: Map<string, Scope>,
): Scope {
  const { group } = scope
  if (file === '')
    return fail(
      root,
      group,
      ['services', name, 'extends', 'file'],
      `cannot extend service "${name}": its file has no name`,
    )
  const fetched = group.shared.options.files.fetched?.(file)
  const path = fetched ?? joinPath(group.base, file, group.environment['HOME'])
  if (fetched === undefined) refuseOutside(root, name, path, scope)
  const known = bases.get(path)
  const opened = known ?? readBase(root, name, path, scope)
  bases.set(path, opened)
  if (opened.services[base] !== undefined) return opened
  const message = `cannot extend service "${name}" in ${scope.file}: service "${base}" not found in ${file}`
  return fail(root, group, ['services', name, 'extends'], message)
}

function refuseOutside(root: TreeMap, name: string, path: string, { group, file }: Scope): void {
  const reason = confine(group, file).refuse?.(path)
  if (reason !== undefined) fail(root, group, ['services', name, 'extends'], reason)
}

function readBase(root: TreeMap, name: string, path: string, scope: Scope): Scope {
  const { group } = scope
  const text = group.shared.read(path)
  if (text === undefined) {
    return fail(root, group, ['services', name, 'extends'], `open ${path}: no such file or directory`)
  }
  const base = posix.dirname(path)
  const below: Group = { ...group, base, isBase: true }
  const { tree, resets } = group.readers.readFileOnto(makeMap(), { path, text }, below)
  const services = tree['services']
  if (services === undefined) throw makeFailure(`cannot extend service "${name}" in ${path}: no services section`)
  if (!isMap(services)) throw makeFailure(`cannot extend service "${name}" in ${path}: services must be a mapping`)
  // Relative to the group, whose own folder is joined when all of it is merged.
  resolvePaths(tree, {
    folder: posix.relative(group.root, base),
    home: group.environment['HOME'],
    resolveLinks: group.shared.options.files.resolveLinks,
    places: group.shared.places,
    confineTo: () => confine(below, path),
  })
  return { services, file: path, resets, group: below }
}
