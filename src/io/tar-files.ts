import { promises as fs } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-stream'
import type { Extract, Header, Pack } from 'tar-stream'
import { readForStream } from './read-pieces.ts'
import { FlotillaError } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { streamArchive } from './stream-archive.ts'
import { timeOf, withLargeNumbers } from './tar-header.ts'

/** How a path becomes an archive. */
export interface PackOptions {
  /** Name of the top entry; absent: only what is in the folder. */
  readonly name?: string
  /** A link at the top is what it points at. */
  readonly isFollowing: boolean
  /** The names of entries to take, folders with all that is in them; absent: everything. */
  readonly only?: ReadonlySet<string>
}

/**
 * The tar archive of a file or a folder, read while it is consumed. Owners, modes, times and links are kept; sockets
 * are left out.
 */
export function packPath(path: string, options: PackOptions): Readable {
  return streamArchive(async (archive) => {
    try {
      await fill(archive, path, options)
    } catch (error) {
      throw toFileError(path, error)
    }
  })
}

async function fill(archive: Pack, path: string, { name, isFollowing, only }: PackOptions): Promise<void> {
  const stats = await (isFollowing ? fs.stat(path) : fs.lstat(path))
  if (name !== undefined) return addEntry(archive, path, name, stats, only)
  await addChildren(archive, path, '', only)
  return undefined
}

type Chosen = ReadonlySet<string> | undefined

async function addChildren(archive: Pack, folder: string, prefix: string, only: Chosen): Promise<void> {
  for (const child of (await fs.readdir(folder)).sort()) {
    const path = join(folder, child)
    await addEntry(archive, path, `${prefix}${child}`, await fs.lstat(path), only)
  }
}

async function addEntry(archive: Pack, path: string, name: string, stats: Stats, only: Chosen): Promise<void> {
  const { uid, gid, mtime } = stats
  const header = withLargeNumbers({ name, mode: stats.mode & 0o7777, mtime, uid, gid })
  const isTaken = only === undefined || only.has(name)
  if (stats.isDirectory()) {
    if (isTaken) await addEmpty(archive, { ...header, name: `${name}/`, type: 'directory' })
    await addChildren(archive, path, `${name}/`, isTaken ? undefined : only)
  } else if (!isTaken) {
    // Not asked for.
  } else if (stats.isSymbolicLink()) {
    await addEmpty(archive, { ...header, type: 'symlink', linkname: await fs.readlink(path) })
  } else if (stats.isFIFO()) {
    await addEmpty(archive, { ...header, type: 'fifo' })
  } else if (stats.isFile()) {
    await addFile(archive, path, { ...header, type: 'file', size: stats.size })
  }
}

/** What an entry says of itself; the package fills in the rest. */
type Entry = Pick<Header, 'name' | 'type'> & Partial<Header>

function addEmpty(archive: Pack, header: Entry): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.entry(header, (error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
}

async function addFile(archive: Pack, path: string, header: Entry & { readonly size: number }): Promise<void> {
  const entry = archive.entry(header) as unknown as Writable
  // A log that grows meanwhile is taken as long as it was; one that shrinks is a failure of the entry.
  if (header.size === 0) return void entry.end()
  await pipeline(readForStream(path, header.size), entry)
}

/** How an archive becomes files. */
export interface UnpackOptions {
  /** The path below the folder for an entry's name; undefined leaves it out. */
  readonly rename: (entry: string) => string | undefined
}

/**
 * Writes the entries of a tar archive below a folder, over what is there. Modes and times are kept, owners and set-ID
 * bits are not.
 * Nothing is written outside the folder, whatever the archive says.
 *
 * @throws {io/file} naming the path
 */
export async function unpackTo(archive: Readable, folder: string, options: UnpackOptions): Promise<void> {
  const reader = extract()
  const root = await fs.realpath(folder)
  const folders: { readonly path: string; readonly header: Header }[] = []
  const feeding = feed(archive, reader)
  feeding.catch(() => {})
  for await (const source of reader) {
    const { header } = source
    const entry = source as unknown as Readable
    const name = options.rename(header.name)
    const path = name === undefined ? undefined : join(root, name)
    if (path === undefined || path === root) {
      entry.resume()
      continue
    }
    try {
      await checkInside(root, path, header.name)
      await writeEntry(entry, header, path, root, options)
    } catch (error) {
      throw toFileError(path, error)
    }
    if (header.type === 'directory') folders.push({ path, header })
  }
  await feeding
  // A folder's time is that of the last change in it, and one that is read-only takes no files: both come last.
  for (const { path, header } of folders.reverse()) {
    await fs.chmod(path, toMode(header))
    await setTimes(path, header)
  }
}

/** Hands the bytes of an archive to its reader, no faster than they are taken; ends early when the reader has. */
async function feed(archive: Readable, reader: Extract): Promise<void> {
  try {
    for await (const piece of archive) {
      if (reader.destroyed) return
      if (reader.write(piece)) continue
      await new Promise<void>((resolve) => {
        const goOn = (): void => {
          reader.off('drain', goOn).off('close', goOn)
          resolve()
        }
        reader.on('drain', goOn).on('close', goOn)
      })
    }
    ;(reader as unknown as Writable).end()
  } catch (error) {
    reader.destroy(error instanceof Error ? error : undefined)
    throw error
  }
}

async function writeEntry(
  entry: Readable,
  header: Header,
  path: string,
  root: string,
  options: UnpackOptions,
): Promise<void> {
  switch (header.type) {
    case 'directory':
      await makeFolderAt(path)
      break
    case 'symlink':
      await removePlain(path)
      await fs.symlink(header.linkname ?? '', path)
      break
    case 'link': {
      const target = options.rename(header.linkname ?? '')
      if (target === undefined) throw new FlotillaError('io/file', 'a hard link points outside of what is copied')
      await checkInside(root, join(root, target), header.name)
      await removePlain(path)
      await fs.link(join(root, target), path)
      break
    }
    case 'file':
    case 'contiguous-file':
      await removeLink(path)
      await writeFile(entry, path, toMode(header))
      await fs.chmod(path, toMode(header))
      await setTimes(path, header)
      return
    default:
    // Devices and pipes of a container have no meaning here.
  }
  entry.resume()
}

async function writeFile(source: AsyncIterable<unknown>, path: string, mode: number): Promise<void> {
  const file = await fs.open(path, 'w', mode)
  try {
    for await (const piece of source) await file.writeFile(piece as Uint8Array)
  } finally {
    await file.close()
  }
}

/** @throws {io/file} for a path that leaves the folder, by `..` or by a link on the way */
async function checkInside(root: string, path: string, name: string): Promise<void> {
  const way = relative(root, path)
  if (way === '..' || way.startsWith(`..${sep}`)) throw outside(name)
  const parent = await fs.realpath(dirname(path))
  if (parent !== root && !parent.startsWith(root === sep ? sep : `${root}${sep}`)) throw outside(name)
}

function outside(name: string): FlotillaError {
  return new FlotillaError('io/file', `the archive would write outside the target: "${name}"`)
}

async function makeFolderAt(path: string): Promise<void> {
  const there = await fs.lstat(path).catch(() => undefined)
  if (there?.isDirectory() === true) return
  if (there !== undefined) {
    throw new FlotillaError('io/file', `cannot overwrite non-directory "${path}" with directory`)
  }
  await fs.mkdir(path, 0o700)
}

/** Rights of a program to be somebody else stay behind: the file belongs to whoever copies, and root copies too. */
function toMode(header: Header): number {
  return (header.mode ?? 0o644) & 0o1777
}

/** Makes room for a link. */
async function removePlain(path: string): Promise<void> {
  const there = await fs.lstat(path).catch(() => undefined)
  if (there?.isDirectory() === true) {
    throw new FlotillaError('io/file', `cannot overwrite directory "${path}" with non-directory`)
  }
  if (there !== undefined) await fs.unlink(path)
}

/** A file replaces a link; it is not written through it. */
async function removeLink(path: string): Promise<void> {
  const there = await fs.lstat(path).catch(() => undefined)
  if (there?.isDirectory() === true) {
    throw new FlotillaError('io/file', `cannot overwrite directory "${path}" with non-directory`)
  }
  if (there?.isSymbolicLink() === true) await fs.unlink(path)
}

async function setTimes(path: string, header: Header): Promise<void> {
  const time = timeOf(header)
  if (time !== undefined) await fs.utimes(path, time, time)
}

function toFileError(path: string, error: unknown): FlotillaError {
  if (error instanceof FlotillaError) return error
  // What was there when its folder was listed and is gone now has another name than what is copied.
  const place: unknown = error instanceof Error ? Reflect.get(error, 'path') : undefined
  return new FlotillaError(
    'io/file',
    `cannot copy "${typeof place === 'string' ? place : path}": ${fileReason(error)}`,
    {
      cause: error,
    },
  )
}
