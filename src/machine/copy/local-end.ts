import { createReadStream, createWriteStream, promises as fs } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { FlotillaError } from '../../core/errors.ts'
import { fileReason } from '../../core/file-reason.ts'
import { codeOf } from '../../io/files.ts'
import { walkFolder } from '../../io/folder-walk.ts'
import { packPath, unpackTo } from '../../io/tar-files.ts'
import type { CopyEnd, Found, ListedFile, Listing } from './copy-end.ts'

/** This computer. @param cwd what relative paths start from */
export function localEnd(cwd: string): CopyEnd {
  return {
    prefix: '',
    look: async (path) => [await look(resolve(cwd, path))],
    sendFile: (path) => Readable.from(readFile(path), { objectMode: false }),
    sendFolder: (path, only) =>
      packPath(path, { isFollowing: true, ...(only !== undefined && { only: new Set(only) }) }),
    async receiveFile(path, { mode, modifiedS }, bytes, o) {
      try {
        const options = o.signal === undefined ? {} : { signal: o.signal }
        await pipeline(bytes, createWriteStream(path, { mode }), options)
        if (modifiedS !== undefined) await fs.utimes(path, modifiedS, modifiedS)
      } catch (error) {
        throw toFileError(path, error)
      }
    },
    async receiveFolder(path, { mode, makesParents }, archive) {
      if (makesParents) await fs.mkdir(dirname(path), { recursive: true })
      await fs.mkdir(path, { mode }).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw toFileError(path, error)
      })
      await unpackTo(archive, path, { rename: (entry) => entry.replace(/^\.\/|\/$/g, '') })
    },
    list: async (path) => list(path),
  }
}

async function* readFile(path: string): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const piece of createReadStream(path)) yield piece as Uint8Array
  } catch (error) {
    throw toFileError(path, error)
  }
}

async function look(path: string): Promise<Found> {
  let stats
  try {
    stats = await fs.stat(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw toFileError(path, error)
    return { path, realPath: path, kind: 'none', mode: 0, sizeBytes: 0, modifiedS: 0 }
  }
  return {
    path,
    realPath: await fs.realpath(path),
    kind: stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other',
    mode: stats.mode & 0o777,
    sizeBytes: stats.size,
    modifiedS: Math.floor(stats.mtimeMs / 1000),
  }
}

function list(folder: string): Listing {
  const listing = new Map<string, ListedFile>()
  for (const { path, kind, mode, sizeBytes, modifiedNs } of walkFolder(folder)) {
    if (kind === 'pipe' || kind === 'device' || kind === 'socket') continue
    // The last nine bits are the same as everywhere.
    listing.set(path, { kind, mode: mode & 0o777, sizeBytes, modifiedS: Number(modifiedNs / 1_000_000_000n) })
  }
  return listing
}

function toFileError(path: string, error: unknown): unknown {
  if (error instanceof FlotillaError || (error instanceof Error && error.name === 'AbortError')) return error
  const code = codeOf(error)
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or directory',
    ENOTDIR: 'a part of the path is not a folder',
    EISDIR: 'it is a folder',
  }
  return new FlotillaError('io/file', `cannot copy "${path}": ${reasons[code] ?? fileReason(error)}`, { cause: error })
}
