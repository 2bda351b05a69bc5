import { constants, promises as fs } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { FlotillaError } from '../core/errors.ts'
import { failpoint } from './failpoint.ts'
import { fileReason } from '../core/file-reason.ts'

/** The `code` of a system error (`ENOENT`), or the empty text. */
export function codeOf(thrown: unknown): string {
  const code: unknown = typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, 'code') : undefined
  return typeof code === 'string' ? code : ''
}

let count = 0

/** A word no other running process and no other call makes: pid, time, count. Loading node:crypto would cost every command more. */
export function makeNonce(): string {
  count += 1
  return `${process.pid}-${process.hrtime.bigint().toString(36)}-${count}`
}

/**
 * Replaces a file in one step: after a kill or power cut at any instruction it is the old or the new
 * version, whole, and on a full disk the old one.
 *
 * @param mode permission bits of the new file, created with them (less the umask)
 * @throws {io/file}
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const temporary = join(dirname(path), `${basename(path)}.tmp-${makeNonce()}`)
  try {
    const file = await fs.open(temporary, 'wx', mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await failpoint('file.afterTmpWrite')
    await fs.rename(temporary, path)
    await failpoint('file.afterRename')
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {})
    throw new FlotillaError('io/file', `cannot write ${JSON.stringify(path)}: ${fileReason(error)}`, { cause: error })
  }
  await syncFolder(dirname(path))
}

/** Deletes what writers of a file that were killed left beside it. */
export async function sweepTemporaries(path: string): Promise<void> {
  const prefix = `${basename(path)}.tmp-`
  const names = await fs.readdir(dirname(path)).catch(() => [])
  for (const name of names.filter((entry) => entry.startsWith(prefix))) {
    const pid = Number(/^\d+/.exec(name.slice(prefix.length))?.[0] ?? 0)
    if (pid > 0 && !isRunning(pid)) await fs.rm(join(dirname(path), name), { force: true }).catch(() => {})
  }
}

/**
 * Deletes what lies in a folder and is so much older than something just made there, by the clock of the file system: what
 * writers that were killed left behind, on whatever computer they ran.
 */
export async function sweepOlder(
  folder: string,
  isDraft: (name: string) => boolean,
  made: string,
  ageMs: number,
): Promise<void> {
  const { mtimeMs: nowMs } = await fs.stat(made)
  const names = await fs.readdir(folder).catch(() => [])
  for (const path of names.filter(isDraft).map((name) => join(folder, name))) {
    const stats = await fs.lstat(path).catch(() => undefined)
    if (stats === undefined || nowMs - stats.mtimeMs < ageMs) continue
    await fs.rm(path, { recursive: true, force: true }).catch(() => {})
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

/** Makes a rename in a folder durable. Quietly does nothing where folders cannot be synced (Windows, some network disks). */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await fs.open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (error) {
    if (!['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EBADF'].includes(codeOf(error))) throw error
  }
}

/**
 * Not with `recursive`: there Node 20 calls a read-only file system "no such file", and never ends where making a
 * folder says so although the parent exists (below /proc).
 */
async function makeWithParents(path: string, mode: number): Promise<void> {
  const parent = dirname(path)
  if ((await makeOne(path, mode)) || parent === path) return
  await makeWithParents(parent, mode)
  if (await makeOne(path, mode)) return
  // The parent is there, perhaps made by somebody else just now, and still: this is no place for folders.
  await fs.mkdir(path, { mode })
}

/** False when the parent is missing. */
async function makeOne(path: string, mode: number): Promise<boolean> {
  try {
    await fs.mkdir(path, { mode })
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    const there = await fs.stat(path).catch(() => undefined)
    if (there?.isDirectory() === true) return true
    throw error
  }
}

/**
 * Makes a folder and its parents, each new one with `mode`; an existing one stays as it is.
 *
 * @param hint of the error: what names another folder
 * @throws {io/file}
 */
export async function makeFolder(path: string, mode: number, hint?: string): Promise<void> {
  try {
    await makeWithParents(path, mode)
  } catch (error) {
    throw new FlotillaError('io/file', `cannot make folder ${JSON.stringify(path)}: ${fileReason(error)}`, {
      cause: error,
      ...(hint !== undefined && { hint }),
    })
  }
}

/**
 * @returns the text, or `undefined` when there is no such file
 * @throws {io/file} for anything else, and for files above `maxBytes`
 */
export async function readTextFile(path: string, maxBytes: number = 16 * 1024 * 1024): Promise<string | undefined> {
  try {
    // Without O_NONBLOCK the open of a fifo waits for a writer for ever.
    const file = await fs.open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const stat = await file.stat()
      if (stat.isFile() && stat.size <= maxBytes) return await file.readFile('utf8')
      const what = stat.isFile() ? `it is larger than ${maxBytes} bytes` : 'it is not a regular file'
      throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: ${what}`)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined
    if (error instanceof FlotillaError) throw error
    throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: ${fileReason(error)}`, { cause: error })
  }
}

/** True when anything lies at the path, a dangling link included. */
export async function pathExists(path: string): Promise<boolean> {
  try {
    await fs.lstat(path)
    return true
  } catch {
    return false
  }
}

/** Regular files below a folder, relative paths with `/`, sorted; links are not followed; a missing folder has none. */
export async function listFiles(folder: string): Promise<readonly string[]> {
  const found: string[] = []
  async function visit(path: string, prefix: string): Promise<void> {
    const entries = await fs.readdir(path, { withFileTypes: true }).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    })
    for (const entry of entries) {
      if (entry.isDirectory()) await visit(join(path, entry.name), `${prefix}${entry.name}/`)
      else if (entry.isFile()) found.push(`${prefix}${entry.name}`)
    }
  }
  await visit(folder, '')
  return found.sort()
}
