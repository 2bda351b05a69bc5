import { canonicalize } from './canonical.ts'
import { extendServices } from './extend.ts'
import { LoadError } from './failure.ts'
import { applyIncludes } from './include.ts'
import { interpolate } from './interpolate.ts'
import { interpolateKeys, withoutOpenKeys } from './interpolate-keys.ts'
import { convertLegacy } from '../legacy/v1.ts'
import { beyondLimit } from './limits.ts'
import { mergeTrees } from './merge.ts'
import { parseYaml } from './parse.ts'
import type { ParsedDocument } from './parse.ts'
import { applyResets } from './reset.ts'
import { makeVariables } from './stage.ts'
import type { Group, ReadFile, Shared } from './stage.ts'
import type { WrittenService } from '../model/project.ts'
import { isMap, toPlainTree } from './tree.ts'
import type { TreeMap, TreePath } from './tree.ts'
import { enforceUnique } from './unique.ts'
import { validateTree } from './validate.ts'
import type { SourceFile } from './options.ts'

/**
 * Reads one file onto the model so far: every document goes through parse, interpolation, `extends`,
 * resets, `include`, merge, validation and long form, in this order.
 */
export function readFileOnto(model: TreeMap, file: SourceFile, group: Group): ReadFile {
  const { shared } = group
  let tree = model
  let resets: readonly TreePath[] = []
  for (const document of takeDocuments(file, shared)) {
    if (!isMap(document.tree)) {
      throw new LoadError([
        { message: 'top-level object must be a mapping', path: '', file: file.path, line: 1, column: 1 },
      ])
    }
    resets = document.resets
    tree = readDocument(tree, document.tree, resets, file, group)
  }
  return { tree, resets }
}

/** Parses a file; what was parsed ahead is not parsed again. */
export function parseFile(file: SourceFile, shared: Shared): readonly ParsedDocument[] {
  const { readLaxly } = shared.options
  return parseYaml(file.text, {
    path: file.path,
    places: shared.places,
    budget: shared.budget,
    maxDepth: shared.limits.yamlDepth,
    seen: shared.seen,
    ...(readLaxly !== undefined && { readLaxly }),
  })
}

function takeDocuments(file: SourceFile, shared: Shared): readonly ParsedDocument[] {
  const known = shared.parsed.get(file)
  shared.parsed.delete(file)
  return known ?? parseFile(file, shared)
}

function readDocument(
  model: TreeMap,
  parsed: TreeMap,
  resets: readonly TreePath[],
  file: SourceFile,
  group: Group,
): TreeMap {
  const { shared } = group
  const isLenient = shared.options.skipInterpolation === true
  const document = group.isBase && !group.isVersion1 ? parsed : convertLegacy(parsed, shared.places, shared)
  const isVersion1 = document !== parsed
  if (isVersion1) shared.seen.version1 = true
  if (!isLenient) {
    const variables = makeVariables(shared, group.environment)
    const context = { variables, places: shared.places, warn: shared.warn }
    interpolate(document, context)
    interpolateKeys(document, context)
  }
  if (shared.options.keepWritten === true) keepWritten(document, file, group)
  if (!group.isBase) extendServices(document, resets, file, { ...group, isVersion1 })
  applyResets(model, resets)
  if (!group.isBase) applyIncludes(document, file, group)
  const tree = mergeTrees(model, document, shared.places)
  enforceUnique(tree, shared.places)
  if (!group.isBase) finishDocument(tree, file, shared)
  canonicalize(tree, { places: shared.places, warn: shared.warn, isLenient })
  dropEmptyServers(tree)
  enforceUnique(tree, shared.places)
  return tree
}

/**
 * What is included is no longer what docker-compose 1 saw. A file of version 1 is: it was converted there in the same way.
 */
function keepWritten(document: TreeMap, { path }: SourceFile, { shared, isBase }: Group): void {
  const isAlone = document['include'] === undefined
  const plain = isAlone ? (toPlainTree(document, (scalar) => scalar) as WrittenService) : undefined
  if (!isBase) shared.written.push(plain)
  else shared.bases.set(path, shared.bases.has(path) ? undefined : plain)
}

function finishDocument(tree: TreeMap, file: SourceFile, shared: Shared): void {
  checkServiceCount(tree, shared)
  const check = (): void => validateTree(tree, file.path, shared)
  if (shared.options.skipInterpolation === true) withoutOpenKeys(tree, check)
  else check()
  if (!('version' in tree)) return
  shared.warn(
    `${file.path}: the attribute \`version\` is obsolete, it will be ignored, please remove it to avoid potential confusion`,
  )
  delete tree['version']
}

function checkServiceCount(tree: TreeMap, shared: Shared): void {
  const services = tree['services']
  if (!isMap(services) || Object.keys(services).length <= shared.limits.services) return
  throw beyondLimit(`the project has more than ${shared.limits.services} services`, 'services')
}

/** `dns: ${DNS}` with nothing in it means no server and not an empty one (compose-go loader/omitEmpty.go). */
function dropEmptyServers(tree: TreeMap): void {
  const services = tree['services']
  if (!isMap(services)) return
  for (const service of Object.values(services)) {
    if (!isMap(service)) continue
    const servers = service['dns']
    if (Array.isArray(servers) && servers.includes('')) service['dns'] = servers.filter((server) => server !== '')
  }
}
