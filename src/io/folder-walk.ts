import { Buffer } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { FlotillaError } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { PatternList } from '../core/ignore.ts'
import type { MatchState } from '../core/ignore.ts'
import { decodeName, encodeName, toFilePath } from '../core/odd-name.ts'
import { codeOf } from './files.ts'

/** Kinds in the way Go's `os.FileMode` numbers them. */
const goMode = {
  folder: 2 ** 31,
  link: 2 ** 27,
  device: 2 ** 26,
  pipe: 2 ** 25,
  setUid: 2 ** 23,
  setGid: 2 ** 22,
  characterDevice: 2 ** 21,
  sticky: 2 ** 20,
} as const

/** What is in a folder, as a build context sees it. */
export interface WalkedFile {
  /** From the top of the folder, `/` between its elements; may hold bytes that are no text (see `core/odd-name.ts`). */
  readonly path: string
  readonly kind: 'file' | 'folder' | 'link' | 'pipe' | 'device' | 'socket'
  /** As Go's `os.FileMode` numbers it. */
  readonly mode: number
  readonly sizeBytes: number
  readonly modifiedNs: bigint
  readonly link?: string
  /** Path of the same file under the first name by which it was reported. */
  readonly sameAs?: string
  readonly deviceMajor?: number
  readonly deviceMinor?: number
}

export interface WalkOptions {
  /** Patterns of what is left out, exceptions included. */
  readonly exclude?: readonly string[] | PatternList
  /** Patterns of what is taken; none: everything. */
  readonly include?: readonly string[]
}

/**
 * The files below a folder, each folder before what is in it, names in the order of their bytes. Folders that are
 * left out themselves come all the same before something in them that is taken.
 *
 * Holds one folder's names at a time for each level, and the names of files that have several.
 *
 * @throws {io/file} for what cannot be read, {SyntaxError} for a pattern that cannot
 */
export function* walkFolder(root: string, options: WalkOptions = {}): Generator<WalkedFile, void, void> {
  const { exclude: given = [] } = options
  const exclude = given instanceof PatternList ? given : new PatternList(given)
  const include = new PatternList(options.include ?? [])
  const selection = { exclude, include, linked: new Map<string, string>() }
  yield* walk(root, '', [], { exclude: exclude.root, include: include.root }, selection)
}

interface Selection {
  readonly exclude: PatternList
  readonly include: PatternList
  /** First name of each file that has several, by device and number. */
  readonly linked: Map<string, string>
}

interface States {
  readonly exclude: MatchState
  readonly include: MatchState
}

/** @param pending folders above that are not reported yet, outermost first; shared down the walk */
function* walk(
  root: string,
  folder: string,
  pending: WalkedFile[],
  states: States,
  selection: Selection,
): Generator<WalkedFile, void, void> {
  const { exclude, include } = selection
  for (const name of listNames(root, folder)) {
    const path = folder === '' ? name : `${folder}/${name}`
    const excluded = exclude.isEmpty ? undefined : exclude.match(path, states.exclude)
    const included = include.isEmpty ? undefined : include.match(path, states.include)
    const isTaken = excluded?.isMatch !== true && included?.isMatch !== false
    const read = readEntry(root, path)
    if (read === undefined) continue
    const { file } = read
    if (file.kind !== 'folder') {
      if (!isTaken) continue
      yield* pending.splice(0)
      yield withFirstName(file, read.identity, selection.linked)
      continue
    }
    if (isTaken) {
      yield* pending.splice(0)
      yield file
    } else if (!mayHoldTaken(path, selection, excluded?.isMatch === true, included?.isMatch === false)) {
      continue
    } else {
      pending.push(file)
    }
    const inner = { exclude: excluded?.state ?? [], include: included?.state ?? [] }
    yield* walk(root, path, pending, inner, selection)
    if (pending.at(-1) === file) pending.pop()
  }
}

function mayHoldTaken(
  path: string,
  { exclude, include }: Selection,
  isExcluded: boolean,
  isNotIncluded: boolean,
): boolean {
  if (isExcluded && !exclude.mayExcept(path)) return false
  return !isNotIncluded || include.mayMatchBelow(path)
}

const replacement = '\ufffd'

function listNames(root: string, folder: string): readonly string[] {
  const place = folder === '' ? root : `${root}/${folder}`
  try {
    const path = toFilePath(place)
    const names = readdirSync(path)
    // What stands for bytes that are no text may be in a name, too.
    const whole = names.some((name) => name.includes(replacement))
      ? readdirSync(path, { encoding: 'buffer' }).map(decodeName)
      : names
    // The order of bytes differs from that of UTF-16 only beyond the basic plane.
    return whole.sort((a, b) => (a === b ? 0 : Buffer.compare(encodeName(a), encodeName(b))))
  } catch (error) {
    if (folder !== '' && codeOf(error) === 'ENOENT') return []
    throw new FlotillaError('io/file', `cannot read folder ${JSON.stringify(place)}: ${fileReason(error)}`, {
      cause: error,
    })
  }
}

function withFirstName(file: WalkedFile, identity: string | undefined, linked: Map<string, string>): WalkedFile {
  if (identity === undefined) return file
  const first = linked.get(identity)
  if (first !== undefined) return { ...file, sameAs: first }
  linked.set(identity, file.path)
  return file
}

interface Entry {
  readonly file: WalkedFile
  /** Of a file that has several names. */
  readonly identity: string | undefined
}

/** Undefined for what is gone in the meantime. */
function readEntry(root: string, path: string): Entry | undefined {
  const place = `${root}/${path}`
  try {
    const stats = lstatSync(toFilePath(place), { bigint: true })
    const kind = kindOf(stats)
    const file: WalkedFile = {
      path,
      kind,
      mode: toGoMode(stats),
      sizeBytes: kind === 'file' ? Number(stats.size) : 0,
      modifiedNs: stats.mtimeNs,
      ...(kind === 'link' && { link: readTarget(place) }),
      ...(kind === 'device' && {
        deviceMajor: Number((stats.rdev >> 8n) & 0xfffn),
        deviceMinor: Number(stats.rdev & 0xffn),
      }),
    }
    return { file, identity: kind === 'file' && stats.nlink > 1n ? `${stats.dev} ${stats.ino}` : undefined }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new FlotillaError('io/file', `cannot read ${JSON.stringify(place)}: ${fileReason(error)}`, { cause: error })
  }
}

function readTarget(place: string): string {
  return decodeName(readlinkSync(toFilePath(place), { encoding: 'buffer' }))
}

function kindOf(stats: BigIntStats): WalkedFile['kind'] {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'folder'
  if (stats.isSymbolicLink()) return 'link'
  if (stats.isFIFO()) return 'pipe'
  return stats.isSocket() ? 'socket' : 'device'
}

function toGoMode(stats: BigIntStats): number {
  const bits = Number(stats.mode & 0o7777n)
  let mode = bits & 0o777
  if ((bits & 0o4000) !== 0) mode += goMode.setUid
  if ((bits & 0o2000) !== 0) mode += goMode.setGid
  if ((bits & 0o1000) !== 0) mode += goMode.sticky
  if (stats.isDirectory()) mode += goMode.folder
  if (stats.isSymbolicLink()) mode += goMode.link
  if (stats.isFIFO()) mode += goMode.pipe
  if (stats.isBlockDevice()) mode += goMode.device
  if (stats.isCharacterDevice()) mode += goMode.device + goMode.characterDevice
  return mode
}

/** Rights, and the bits for set-ID and sticky, as archives number them. */
export function toTarMode(mode: number): number {
  const has = (bit: number): boolean => Math.floor(mode / bit) % 2 === 1
  return (
    (mode % 0o1000) +
    (has(goMode.setUid) ? 0o4000 : 0) +
    (has(goMode.setGid) ? 0o2000 : 0) +
    (has(goMode.sticky) ? 0o1000 : 0)
  )
}

export function isCharacterDevice(mode: number): boolean {
  return Math.floor(mode / goMode.characterDevice) % 2 === 1
}

/**
 * What a builder wants that follows paths through symbolic links: the paths and, for each link on the way, where it
 * points. Elements may hold wildcards. Undefined: everything.
 */
export function followLinks(root: string, paths: readonly string[]): readonly string[] | undefined {
  const found = new Set<string>()
  const seen = new Set<string>()
  const queue = paths.map((path) => path.split('/').filter((part) => part !== '' && part !== '.'))
  for (let parts = queue.shift(); parts !== undefined; parts = queue.shift()) {
    const key = parts.join('/')
    if (seen.has(key)) continue
    if (seen.size > followLimit) return undefined
    seen.add(key)
    if (parts.length === 0) return undefined
    queue.push(...resolveOnce(root, parts, found))
  }
  return [...found].sort()
}

/** Trees made to loop must not keep a build for ever: beyond this all is sent. */
const followLimit = 10_000

/** Walks down one path; stops at the first wildcard or link, with the paths that go on from there. */
function resolveOnce(root: string, parts: readonly string[], found: Set<string>): readonly string[][] {
  const done: string[] = []
  for (const [index, part] of parts.entries()) {
    const rest = parts.slice(index + 1)
    if (part === '..') {
      done.pop()
      continue
    }
    if (/[*?[\\]/.test(part)) {
      const matching = new PatternList([part])
      if (part.includes('**')) {
        found.add([...done, ...parts.slice(index)].join('/'))
        return []
      }
      return listIfThere(root, done.join('/'))
        .filter((name) => matching.matches(name))
        .map((name) => [...done, name, ...rest])
    }
    done.push(part)
    const place = done.join('/')
    const link = readLink(`${root}/${place}`)
    if (link === undefined) continue
    found.add(place)
    const target = link.startsWith('/') ? [] : done.slice(0, -1)
    return [[...target, ...link.split('/').filter((each) => each !== '' && each !== '.'), ...rest]]
  }
  if (done.length === 0) return [[]]
  found.add(done.join('/'))
  return []
}

function listIfThere(root: string, folder: string): readonly string[] {
  try {
    return readdirSync(folder === '' ? root : `${root}/${folder}`)
  } catch {
    return []
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
