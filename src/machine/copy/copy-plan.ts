import { posix } from 'node:path'
import { FlotillaError } from '../../core/errors.ts'
import type { Found, ListedFile, Listing } from './copy-end.ts'

/** Pure: what is copied where. */

export interface CopyWish {
  /** Folders too. */
  readonly isRecursive: boolean
  /** Only what differs, and with the rules of rsync for folders: `FOLDER/` stands for what is in it. */
  readonly isDelta: boolean
}

export interface CopyStep {
  readonly kind: 'file' | 'folder'
  readonly source: Found
  /** Where it goes. */
  readonly path: string
  /** The same, free of links. */
  readonly realPath: string
}

/** One end of a copy as it was given, and what is there. */
export interface CopyPlace {
  /** As it was written, for messages and for its final slash. */
  readonly text: string
  /** Tells ends apart: paths of different ones are never the same thing. */
  readonly end: unknown
}

/**
 * Where each thing goes: into a folder that is there, under its own name, else to the target itself.
 *
 * scp(1) and rsync(1): what a target means that is there, and one that is not.
 *
 * @param sources what the source path stands for; several when it is a pattern
 * @throws {machine/usage}
 */
export function planCopy(
  from: CopyPlace & { readonly found: readonly Found[] },
  to: CopyPlace & { readonly found: Found },
  wish: CopyWish,
): readonly CopyStep[] {
  const target = to.found
  if (from.found.length > 1 && target.kind !== 'folder') {
    throw refuse(`${to.text} is not a folder, and ${from.text} stands for ${from.found.length} files`)
  }
  return from.found.map((source) => {
    const kind = requireKind(source, from.text, wish)
    if (kind === 'folder' && (target.kind === 'file' || target.kind === 'other')) {
      throw refuse(`${to.text} is not a folder, and ${from.text} is one`)
    }
    if (kind === 'file' && target.kind === 'none' && /[/\\]$/.test(to.text)) {
      throw refuse(`${to.text}: no such folder`)
    }
    const name = nameIn(source, kind, from.text, target, wish)
    const step: CopyStep = {
      kind,
      source,
      path: name === '' ? target.path : posix.join(target.path, name),
      realPath: name === '' ? target.realPath : posix.join(target.realPath, name),
    }
    if (from.end === to.end) refuseSame(step, from.text, to.text)
    return step
  })
}

function requireKind(source: Found, text: string, wish: CopyWish): CopyStep['kind'] {
  if (source.kind === 'none') throw refuse(`${text}: no such file or directory`)
  if (source.kind === 'other') throw refuse(`${text} is neither a file nor a folder`)
  if (source.kind === 'folder' && !wish.isRecursive) throw refuse(`${text} is a folder: give --recursive to copy it`)
  return source.kind
}

/** The name below the target; empty: the target itself. */
function nameIn(source: Found, kind: CopyStep['kind'], text: string, target: Found, wish: CopyWish): string {
  if (wish.isDelta && kind === 'folder' && /[/\\]$/.test(text)) return ''
  if (target.kind !== 'folder' && !(wish.isDelta && kind === 'folder')) return ''
  const name = posix.basename(source.path.replaceAll('\\', '/'))
  return name === '.' || name === '..' ? '' : name
}

function refuseSame({ kind, source, realPath }: CopyStep, from: string, to: string): void {
  if (source.realPath === realPath) throw refuse(`${from} and ${to} are the same ${kind}`)
  const top = source.realPath.endsWith('/') ? source.realPath : `${source.realPath}/`
  if (kind === 'folder' && realPath.startsWith(top)) throw refuse(`${to} lies in ${from} itself`)
}

/**
 * The names of what has to be sent: all that the other side lacks or has with another kind, mode, size or time. A folder it
 * lacks stands for what is in it.
 */
export function findDifferences(source: Listing, target: Listing): readonly string[] {
  const missing = new Set<string>()
  for (const [name, { kind }] of source) if (kind === 'folder' && target.get(name)?.kind !== kind) missing.add(name)
  return [...source].flatMap(([name, file]) => {
    if (isBelow(name, missing)) return []
    return isSame(file, target.get(name)) ? [] : [name]
  })
}

function isBelow(name: string, folders: ReadonlySet<string>): boolean {
  for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) {
    if (folders.has(name.slice(0, at))) return true
  }
  return false
}

function isSame(file: ListedFile, other: ListedFile | undefined): boolean {
  if (other?.kind !== file.kind) return false
  if (file.kind === 'folder') return true
  const isEqual = other.sizeBytes === file.sizeBytes && other.modifiedS === file.modifiedS
  return isEqual && (file.kind === 'link' || other.mode === file.mode)
}

function refuse(text: string): FlotillaError {
  return new FlotillaError('machine/usage', text)
}
