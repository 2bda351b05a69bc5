import { promises as fs } from 'node:fs'
import type { Stats } from 'node:fs'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { readTextFile } from '../../io/files.ts'
import { indexAccess } from './identify.ts'
import type { AccessIndex } from './identify.ts'

/** The file is looked at this often. */
const pollMs = 2000
/** A file that has just changed may be half-written: it is read when it has kept still for this long. */
const settleMs = 200
const maxBytes = 4 * 1024 * 1024
const othersMayWrite = 0o002

/**
 * Reads an access file.
 *
 * @throws {cluster/invalid-option} `FILE:LINE: KEY: what is wrong`; also when there is none, or everybody may write to it
 */
export async function readAccessFile(path: string): Promise<AccessIndex> {
  const stats = await statOf(path)
  if (stats === undefined) throw invalid(`${path}: no such file`)
  if ((stats.mode & othersMayWrite) !== 0) throw invalid(`${path}: everybody may write to it: chmod o-w ${path}`)
  const text = await readTextFile(path, maxBytes)
  if (text === undefined) throw invalid(`${path}: no such file`)
  const { parseAccess } = await import('./parse-access.ts')
  return indexAccess(parseAccess(text, path))
}

export interface AccessFileOptions {
  readonly clock: Clock
  readonly log: Log
}

/** The rules of a file that may change while they are in force. */
export class AccessFile {
  readonly #path: string
  readonly #o: AccessFileOptions
  #index: AccessIndex
  #seen: string

  private constructor(path: string, options: AccessFileOptions, index: AccessIndex, seen: string) {
    this.#path = path
    this.#o = options
    this.#index = index
    this.#seen = seen
  }

  /** @throws {cluster/invalid-option} */
  static async open(path: string, options: AccessFileOptions): Promise<AccessFile> {
    const seen = markOf(await statOf(path))
    return new AccessFile(path, options, await readAccessFile(path), seen)
  }

  get index(): AccessIndex {
    return this.#index
  }

  /** Takes changes of the file over until the signal comes. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#o.clock.sleep(pollMs, signal)
        await this.#look(signal)
      } catch (error) {
        if (!signal.aborted) this.#o.log.error(`access rules: ${toMessage(error)}`)
      }
    }
  }

  /** Reads it again. What cannot be used is told in the log, and the old rules stay. */
  async #reload(): Promise<void> {
    try {
      this.#index = await readAccessFile(this.#path)
      this.#o.log.info('access rules read', { file: this.#path, users: this.#index.rules.users.length })
    } catch (error) {
      this.#o.log.error(`access rules stay as they were: ${toMessage(error)}`)
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    let seen = markOf(await statOf(this.#path))
    if (seen === this.#seen) return
    for (;;) {
      await this.#o.clock.sleep(settleMs, signal)
      const again = markOf(await statOf(this.#path))
      if (again === seen) break
      seen = again
    }
    this.#seen = seen
    await this.#reload()
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  return fs.stat(path).catch(() => undefined)
}

/** Another text after each change. */
function markOf(stats: Stats | undefined): string {
  return stats === undefined ? '' : [stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(' ')
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message)
}
