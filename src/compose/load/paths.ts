import * as posix from 'node:path/posix'
import { mapFolders } from '../build/cache-entry.ts'
import { seccompPath } from '../model/seccomp.ts'
import { compileRules, stepRule } from './path-rule.ts'
import type { RuleNode } from './path-rule.ts'
import { LoadError } from './failure.ts'
import type { Places } from './place.ts'
import { isMap } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'

export interface PathContext {
  /** Relative paths are joined to it; itself relative while a base or an included file is read. */
  readonly folder: string
  readonly home: string | undefined
  readonly resolveLinks: (path: string) => string
  readonly places: Places
  /** Files that come from elsewhere name only files they came with: tells why a path is refused. */
  readonly refuse?: (path: string) => string | undefined
}

/** The same for a tree whose values come from several files. */
export interface TreeContext extends Omit<PathContext, 'refuse'> {
  /** @param file the one a value comes from */
  readonly confineTo?: (file: string | undefined) => Pick<PathContext, 'refuse'>
}

type Resolve = (value: Tree, context: PathContext) => Tree | Refusal

/** compose-go paths/resolve.go: the values that are paths. */
const pathRules: RuleNode<Resolve> = compileRules<Resolve>({
  'services.*.build': confineDockerfile,
  'services.*.build.context': resolveContext,
  'services.*.build.additional_contexts.*': resolveNamedContext,
  'services.*.build.cache_from.*': resolveCache,
  'services.*.build.cache_to.*': resolveCache,
  'services.*.build.ssh.*': resolveText,
  'services.*.env_file.*.path': resolveText,
  'services.*.label_file.*': resolveText,
  'services.*.security_opt.*': resolveProfile,
  'services.*.develop.watch.*.path': resolveWatched,
  'services.*.volumes.*': resolveMount,
  'configs.*.file': resolveFile,
  'secrets.*.file': resolveFile,
  'volumes.*': resolveDevice,
})

/**
 * Relative paths → paths below the context's folder, in place.
 *
 * @throws {compose/invalid} for a bind mount without source
 */
export function resolvePaths(tree: TreeMap, context: TreeContext): void {
  walk(tree, tree, [], pathRules, context)
}

function walk(
  root: TreeMap,
  holder: TreeMap | Tree[],
  path: TreePath,
  rules: RuleNode<Resolve>,
  context: TreeContext,
): void {
  const confinedBy = (rule: Resolve, key: string | number): Pick<PathContext, 'refuse'> => {
    const at = rule === confineDockerfile ? [...path, key, 'dockerfile'] : [...path, key]
    return context.confineTo?.(context.places.find(root, at)?.file) ?? {}
  }
  const visit = (value: Tree, key: string | number): Tree => {
    const below = stepRule(rules, key)
    if (below === undefined) return value
    const resolved =
      below.rule === undefined ? value : below.rule(value, { ...context, ...confinedBy(below.rule, key) })
    if (resolved instanceof Refusal) {
      throw new LoadError([context.places.problem(root, [...path, key], resolved.reason)])
    }
    if (isMap(resolved) || Array.isArray(resolved)) walk(root, resolved, [...path, key], below, context)
    return resolved
  }
  if (Array.isArray(holder)) for (const [index, value] of holder.entries()) holder[index] = visit(value, index)
  else for (const key of Object.keys(holder)) holder[key] = visit(holder[key] ?? null, key)
}

/** Why a path cannot be taken. */
class Refusal {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/** A path against a folder. Windows drives are absolute everywhere. */
export function joinPath(folder: string, path: string, home: string | undefined): string {
  if (path === '') return path
  const expanded = path.startsWith('~') && home !== undefined ? posix.join(home, path.slice(1)) : path
  if (posix.isAbsolute(expanded) || /^[a-zA-Z]:[\\/]/.test(expanded) || expanded.startsWith('\\\\')) return expanded
  return trimSlash(posix.join(folder, expanded))
}

/** Go's `filepath.Join` leaves no slash at the end. */
function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function resolveText(value: Tree, context: PathContext): Tree | Refusal {
  if (typeof value !== 'string') return value
  const path = joinPath(context.folder, value, context.home)
  const reason = context.refuse?.(path)
  return reason === undefined ? path : new Refusal(reason)
}

/** Where nothing is written, the folder itself is meant. */
function resolveFile(value: Tree, context: PathContext): Tree | Refusal {
  return resolveText(value === '' ? '.' : value, context)
}

function resolveWatched(value: Tree, context: PathContext): Tree | Refusal {
  const path = resolveText(value, context)
  return typeof path === 'string' && posix.isAbsolute(path) ? context.resolveLinks(path) : path
}

/** Repositories, archives, images and services are no paths. */
function resolveContext(value: Tree, context: PathContext): Tree | Refusal {
  return typeof value !== 'string' || isRepository(value, context) ? value : resolveText(value, context)
}

/** The same, and images in folders. What has another scheme is none of those, and no path either. */
function resolveNamedContext(value: Tree, context: PathContext): Tree | Refusal {
  if (typeof value !== 'string') return value
  if (value.startsWith(layoutPrefix)) return resolveLayout(value, context)
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|service:)/.test(value) ? value : resolveContext(value, context)
}

/** A fetched file may not pass a path for a repository by what stands somewhere in it. */
function isRepository(text: string, { refuse }: PathContext): boolean {
  if (/^(?:(?:https?|git|ssh):\/\/|github\.com\/|git@)/.test(text)) return true
  return refuse === undefined && (text.includes('://') || text.startsWith('service:'))
}

/**
 * A Dockerfile starts at its context and stays as it is written, but for a fetched one that is elsewhere: the builder would be
 * given the folder it is in, and a frontend of the file's choosing could read all of it.
 */
function confineDockerfile(value: Tree, context: PathContext): Tree | Refusal {
  const { dockerfile = null, context: written = null } = isMap(value) ? value : {}
  if (context.refuse === undefined || typeof dockerfile !== 'string' || dockerfile === '') return value
  const folder = resolveContext(written ?? '.', context)
  if (typeof folder !== 'string') return folder
  if (isRepository(folder, context) && !posix.isAbsolute(dockerfile)) return value
  const path = posix.isAbsolute(dockerfile) ? dockerfile : posix.join(folder, dockerfile)
  const reason = context.refuse(path)
  return reason === undefined ? value : new Refusal(reason)
}

const layoutPrefix = 'oci-layout://'

/** An image in a folder, `oci-layout://FOLDER[:TAG][@DIGEST]`: left as it is written, unless it was fetched. */
function resolveLayout(value: string, context: PathContext): Tree | Refusal {
  if (context.refuse === undefined) return value
  const end = /(?::[^/@]*)?(?:@.*)?$/.exec(value.slice(layoutPrefix.length))?.[0] ?? ''
  const folder = resolveText(value.slice(layoutPrefix.length, value.length - end.length), context)
  return typeof folder === 'string' ? `${layoutPrefix}${folder}${end}` : folder
}

/** A profile in a file: left as it is written, unless it was fetched. */
function resolveProfile(value: Tree, context: PathContext): Tree | Refusal {
  const path = context.refuse === undefined || typeof value !== 'string' ? undefined : seccompPath(value)
  if (path === undefined) return value
  const resolved = resolveText(path, context)
  return typeof resolved === 'string' ? `seccomp=${resolved}` : resolved
}

/** Caches in folders: left as they are written, as the reference program does it, unless they were fetched. */
function resolveCache(value: Tree, context: PathContext): Tree | Refusal {
  if (context.refuse === undefined || typeof value !== 'string') return value
  let refusal: Refusal | undefined
  const resolved = mapFolders(value, (folder) => {
    const path = resolveText(folder, context)
    if (path instanceof Refusal) refusal = path
    return typeof path === 'string' ? path : folder
  })
  return refusal ?? resolved
}

function resolveMount(value: Tree, context: PathContext): Tree | Refusal {
  if (!isMap(value) || value['type'] !== 'bind') return value
  const source = value['source']
  if (source === undefined) {
    return new Refusal('invalid mount config for type "bind": field Source must not be empty')
  }
  // What is mounted is shown to the user before anything starts, and may lie anywhere.
  if (typeof source === 'string') value['source'] = joinPath(context.folder, source === '' ? '.' : source, context.home)
  return value
}

/** A local volume that is a bind of a folder. */
function resolveDevice(value: Tree, context: PathContext): Tree {
  if (!isMap(value) || value['driver'] !== 'local') return value
  const options = value['driver_opts']
  if (!isMap(options) || options['o'] !== 'bind' || options['device'] === undefined) return value
  const device = options['device']
  if (typeof device === 'string') options['device'] = joinPath(context.folder, device, context.home)
  return value
}
