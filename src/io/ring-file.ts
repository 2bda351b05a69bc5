import { Buffer } from 'node:buffer'
import { constants, promises as fs } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FlotillaError } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { codeOf, syncFolder } from './files.ts'

export interface RingFileOptions {
  readonly path: string
  /** Of all segments together. */
  readonly maxBytes: number
  /** Files that the bytes are spread over, at least two. */
  readonly segments: number
  /** Permission bits. */
  readonly mode: number
}

/** What somebody else has done to the file since the last append. */
export type Foreign = 'none' | 'replaced' | 'resized'

/** The end of a segment. */
export interface SegmentEnd {
  readonly file: string
  /** Bytes of the segment. */
  readonly length: number
  readonly bytes: Buffer
}

/**
 * A file that only grows, in segments: PATH is written, PATH.1 was before it, the highest number is the oldest and goes
 * when room is needed. What was appended is on the disk.
 */
export class RingFile {
  readonly #o: RingFileOptions
  #handle: FileHandle | undefined
  #length = 0
  /** The inode that is written. */
  #identity = ''
  /** A write failed half-way, and what it left could not be taken back yet. */
  #isTorn = false

  constructor(options: RingFileOptions) {
    this.#o = options
  }

  /** Bytes that one segment may have. */
  get segmentBytes(): number {
    return Math.floor(this.#o.maxBytes / this.#o.segments)
  }

  /** Bytes of the segment that is written. */
  get length(): number {
    return this.#length
  }

  /** Opens or makes the file. @throws {io/file} */
  async open(): Promise<void> {
    const { path, mode } = this.#o
    let handle: FileHandle | undefined
    try {
      const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0)
      handle = await fs.open(path, flags, mode)
      const stats = await handle.stat()
      if (!stats.isFile()) throw new Error('it is not a regular file')
      // Made before by somebody else, perhaps for all to read.
      if ((stats.mode & 0o777 & ~mode) !== 0) await handle.chmod(mode)
      if (stats.size === 0) await syncFolder(dirname(path))
      this.#handle = handle
      this.#length = stats.size
      this.#identity = identityOf(stats)
    } catch (error) {
      await handle?.close()
      throw fileError('open', path, error)
    }
  }

  /** The last bytes of the newest segment that has any, at most `most`. */
  async readEnd(most: number): Promise<SegmentEnd | undefined> {
    for (const file of (await listSegments(this.#o.path)).toReversed()) {
      const handle = await fs.open(file, 'r')
      try {
        const { size: length } = await handle.stat()
        if (length === 0) continue
        const bytes = Buffer.alloc(Math.min(length, most))
        await handle.read(bytes, 0, bytes.length, length - bytes.length)
        return { file, length, bytes }
      } finally {
        await handle.close()
      }
    }
    return undefined
  }

  /**
   * Takes the bytes behind `length` off a segment and appends them to PATH.torn.
   * @throws {io/file}
   */
  async setAside(file: string, length: number, bytes: Buffer): Promise<string> {
    const torn = `${this.#o.path}.torn`
    try {
      await fs.appendFile(torn, bytes.at(-1) === 10 ? bytes : Buffer.concat([bytes, Buffer.from('\n')]), {
        mode: this.#o.mode,
        flush: true,
      })
      await fs.truncate(file, length)
      if (file === this.#o.path) this.#length = length
    } catch (error) {
      throw fileError('repair', file, error)
    }
    return torn
  }

  /**
   * Appends and syncs. When that fails, the file is as it was before.
   *
   * @returns what somebody else did to the file; then the bytes follow what is there now
   * @throws {io/file}
   */
  async append(bytes: Buffer): Promise<Foreign> {
    const { path } = this.#o
    try {
      if (this.#isTorn) await this.#takeBack()
      const foreign = await this.#lookAfter()
      const handle = this.#handle
      if (handle === undefined) throw new Error('it is closed')
      const before = this.#length
      try {
        for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at)).bytesWritten
        await handle.datasync()
      } catch (error) {
        this.#isTorn = true
        await this.#takeBack().catch(() => undefined)
        throw error
      }
      this.#length = before + bytes.length
      return foreign
    } catch (error) {
      throw fileError('write', path, error)
    }
  }

  /** Begins a new segment; the oldest goes where there are too many. What failed half-way is gone on with. @throws {io/file} */
  async rotate(): Promise<void> {
    const { path, segments } = this.#o
    try {
      if (this.#isTorn) await this.#takeBack()
      const numbers = new Set(await listNumbers(path))
      for (const number of numbers) if (number >= segments) await fs.unlink(`${path}.${number}`)
      let free = 1
      while (free < segments - 1 && numbers.has(free)) free += 1
      // Onto the last one: it is the oldest, and replaced.
      for (let to = free; to > 1; to -= 1) await fs.rename(`${path}.${to - 1}`, `${path}.${to}`)
      // Gone already where somebody has moved it away.
      await fs.rename(path, `${path}.1`).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error
      })
      await this.close()
    } catch (error) {
      throw fileError('rotate', path, error)
    }
    await this.open()
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    this.#length = 0
    await handle?.close()
  }

  async #takeBack(): Promise<void> {
    await this.#handle?.truncate(this.#length)
    this.#isTorn = false
  }

  /** Tools that rotate logs, and people, move files away. */
  async #lookAfter(): Promise<Foreign> {
    const { path } = this.#o
    if (this.#handle === undefined) {
      await this.open()
      return 'none'
    }
    const stats = await fs.stat(path).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (stats === undefined || identityOf(stats) !== this.#identity) {
      await this.close()
      await this.open()
      await this.#endLine()
      return 'replaced'
    }
    if (stats.size === this.#length) return 'none'
    this.#length = stats.size
    await this.#endLine()
    return 'resized'
  }

  /** What somebody cut in the middle of a line must not run into the next one. */
  async #endLine(): Promise<void> {
    if (this.#length === 0) return
    const last = Buffer.alloc(1)
    await this.#handle?.read(last, 0, 1, this.#length - 1)
    if (last[0] === 10) return
    await this.#handle?.write('\n')
    this.#length += 1
  }
}

function identityOf(stats: { readonly dev: number; readonly ino: number }): string {
  return `${stats.dev}:${stats.ino}`
}

function fileError(verb: string, path: string, error: unknown): FlotillaError {
  if (error instanceof FlotillaError) return error
  return new FlotillaError('io/file', `cannot ${verb} ${JSON.stringify(path)}: ${fileReason(error)}`, { cause: error })
}

/** Numbers of the older segments, the oldest first. */
async function listNumbers(path: string): Promise<readonly number[]> {
  const start = `${basename(path)}.`
  const names = await fs.readdir(dirname(path)).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  return names
    .filter((name) => name.startsWith(start) && /^[1-9]\d{0,5}$/.test(name.slice(start.length)))
    .map((name) => Number(name.slice(start.length)))
    .toSorted((a, b) => b - a)
}

/** The files of a ring that are there, the oldest first. @throws {io/file} when the folder cannot be read */
export async function listSegments(path: string): Promise<readonly string[]> {
  try {
    const older = (await listNumbers(path)).map((number) => join(dirname(path), `${basename(path)}.${number}`))
    const isThere = await fs.stat(path).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === 'ENOENT') return false
        throw error
      },
    )
    return isThere ? [...older, path] : older
  } catch (error) {
    throw fileError('read', path, error)
  }
}
