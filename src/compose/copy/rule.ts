import * as posix from 'node:path/posix'
import { FlotillaError } from '../../core/errors.ts'

/** One side of a copy as typed: a path here, a path in the containers of a service, or `-`. */
export interface CopyPlace {
  readonly service?: string
  readonly path: string
}

/** Which way a copy goes. */
export type CopyDirection =
  | { readonly kind: 'out'; readonly service: string; readonly source: string; readonly target: string }
  | { readonly kind: 'in'; readonly service: string; readonly source: string; readonly target: string }

/**
 * `SERVICE:PATH`; a path that is absolute or begins with a dot is one of this computer, whatever colons it has.
 */
export function parseCopyPlace(text: string): CopyPlace {
  const colon = text.indexOf(':')
  if (colon === -1 || text.startsWith('.') || text.startsWith('/')) return { path: text }
  return { service: text.slice(0, colon), path: text.slice(colon + 1) }
}

/** @throws {cli/usage} in the reference program's words */
export function chooseDirection(source: CopyPlace, target: CopyPlace): CopyDirection {
  if (source.service !== undefined && target.service !== undefined) {
    throw new FlotillaError('cli/usage', 'copying between services is not supported')
  }
  const [from, to] = [source.path, target.path]
  // An empty path would be the root: more likely a variable that is not set.
  if (source.service !== undefined && from === '') throw refuse('bad parameter: path cannot be empty')
  if (target.service !== undefined && to === '') throw refuse('no such directory')
  if (source.service !== undefined) return { kind: 'out', service: source.service, source: from, target: to }
  if (target.service !== undefined) return { kind: 'in', service: target.service, source: from, target: to }
  throw new FlotillaError('cli/usage', 'unknown copy direction')
}

/** What is to be copied. */
export interface CopySource {
  /** As typed, made absolute; a trailing `/` or `/.` kept. */
  readonly path: string
  readonly isFolder: boolean
  /** The name it is to keep where it keeps one; a link that is followed keeps its own. */
  readonly name?: string
}

/** What is where the copy is to go. */
export interface CopyTarget {
  /** As typed, made absolute; a trailing `/` kept. */
  readonly path: string
  readonly found: 'folder' | 'file' | 'nothing'
}

/** Where the copy ends up: its top has this name in this folder; without a name its contents go into the folder. */
export interface CopyGoal {
  readonly folder: string
  readonly name?: string
}

/**
 * The rules of `docker cp` (docs.docker.com/reference/cli/docker/container/cp): a folder goes into an existing folder
 * under its own name, with `/.` only its contents do; onto a name that does not exist yet it takes that name. A file
 * replaces a file, goes into a folder, or takes the new name.
 *
 * @throws {cli/usage} for a folder onto a file, a file as a folder, and a name below no folder
 */
export function decideGoal(source: CopySource, target: CopyTarget): CopyGoal {
  const name = source.name ?? nameOf(source.path)
  if (!source.isFolder && asksForFolder(source.path)) throw refuse(`"${source.path}" is not a directory`)
  if (target.found === 'folder') {
    return source.isFolder && asksForContents(source.path) ? { folder: target.path } : { folder: target.path, name }
  }
  const parent = posix.dirname(stripEnd(target.path))
  if (target.found === 'file') {
    if (source.isFolder) throw refuse('cannot copy directory')
    if (asksForFolder(target.path)) throw refuse(`"${target.path}" is not a directory`)
  } else if (!source.isFolder && asksForFolder(target.path)) {
    throw refuse('no such directory')
  }
  return { folder: parent, name: nameOf(target.path) }
}

/** A path in a container as the engine wants it: from the root, with the end that was typed. */
export function toContainerPath(path: string): string {
  return keepEnd(path, posix.resolve('/', path))
}

/** A path of this computer, with the end that was typed. */
export function toLocalPath(cwd: string, path: string): string {
  return keepEnd(path, posix.resolve(cwd, path))
}

function keepEnd(typed: string, path: string): string {
  const end = /\/\.?$/.exec(typed === '.' ? '/.' : typed)?.[0] ?? ''
  return path === '/' ? `/${end.slice(1)}` : `${path}${end}`
}

/** Last part of a path. */
function nameOf(path: string): string {
  return posix.basename(stripEnd(path))
}

function stripEnd(path: string): string {
  return path.replace(/(?<=.)\/\.?$/, '')
}

function asksForContents(path: string): boolean {
  return path.endsWith('/.')
}

function asksForFolder(path: string): boolean {
  return /\/\.?$/.test(path)
}

function refuse(reason: string): FlotillaError {
  return new FlotillaError('cli/usage', reason)
}

/** Go's mode bits in the engine's answer. */
const folderBit = 2 ** 31
const linkBit = 2 ** 27
/** Neither of these is a plain file: device, pipe, socket, character device, irregular. */
const oddBits = [2 ** 26, 2 ** 25, 2 ** 24, 2 ** 21, 2 ** 19]

/** What a Go file mode says a thing is. */
export function kindOfMode(mode: number): 'folder' | 'link' | 'file' | 'other' {
  if (hasBit(mode, folderBit)) return 'folder'
  if (hasBit(mode, linkBit)) return 'link'
  return oddBits.some((bit) => hasBit(mode, bit)) ? 'other' : 'file'
}

function hasBit(mode: number, bit: number): boolean {
  return Math.floor(mode / bit) % 2 === 1
}

/** Where a link in a folder points, from the root. */
export function followLink(path: string, linkTarget: string): string {
  return posix.resolve(posix.dirname(stripEnd(path)), linkTarget)
}

/**
 * The name of an entry of an archive whose top is renamed, or undefined for the top itself when only its contents are
 * wanted.
 *
 * @param name of the new top; absent: contents only
 */
export function renameEntry(entry: string, name: string | undefined): string | undefined {
  const parts = entry.split('/').filter((part) => part !== '' && part !== '.')
  // The top of `dir/.` is called `.`: every part belongs to what is below it.
  const below = /^\.?\/?$|^\.\//.test(entry) ? parts : parts.slice(1)
  const renamed = name === undefined ? below : [name, ...below]
  return renamed.length === 0 ? undefined : renamed.join('/')
}
