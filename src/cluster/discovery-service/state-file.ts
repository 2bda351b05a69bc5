import type { Clock } from '../../core/clock.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { readTextFile, sweepTemporaries, writeFileAtomic } from '../../io/files.ts'
import { isFields } from '../wire.ts'
import type { BookRecord, TokenBook } from './book.ts'

const maxBytes = 256 * 1024 * 1024
/** Renewals are many and cost little when lost: they are written together. */
const settleMs = 5000

/** Keeps a book on disk: one file, replaced whole, readable by its owner only because tokens are in it. */
export class StateFile {
  readonly #path: string
  readonly #book: TokenBook
  readonly #clock: Clock
  readonly #log: Log
  readonly #stop = new AbortController()
  #writing: Promise<void> | undefined
  #next: Promise<void> | undefined
  #isScheduled = false

  constructor(path: string, book: TokenBook, clock: Clock, log: Log) {
    this.#path = path
    this.#book = book
    this.#clock = clock
    this.#log = log
  }

  /** Takes over what the file has. @throws {io/file} when it is there and cannot be understood: it is never overwritten */
  async load(): Promise<void> {
    await sweepTemporaries(this.#path)
    const text = await readTextFile(this.#path, maxBytes)
    if (text === undefined) return
    this.#book.restore(parseRecord(text, this.#path), this.#clock.monotonicMs())
  }

  /** Resolves when everything up to now is on disk. Calls that come together share one write. */
  save(): Promise<void> {
    if (this.#writing === undefined) {
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined
      })
      return this.#writing
    }
    // What is being written may lack this change: the next write has it, for all who ask meanwhile.
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        return this.save()
      })
    return this.#next
  }

  /** Saves within seconds. */
  saveSoon(): void {
    if (this.#isScheduled || this.#stop.signal.aborted) return
    this.#isScheduled = true
    this.#clock
      .sleep(settleMs, this.#stop.signal)
      .then(() => {
        this.#isScheduled = false
        return this.save()
      })
      .catch((error: unknown) => {
        this.#isScheduled = false
        if (!this.#stop.signal.aborted) this.#log.error('cannot keep the tokens', { error: toMessage(error) })
      })
  }

  /** The last save. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.save()
  }

  #write(): Promise<void> {
    const record = this.#book.toRecord(this.#clock.monotonicMs())
    return writeFileAtomic(this.#path, `${JSON.stringify(record)}\n`, 0o600)
  }
}

function parseRecord(text: string, path: string): BookRecord {
  const wrong = (cause?: unknown): FlotillaError =>
    new FlotillaError(
      'io/file',
      `cannot read ${JSON.stringify(path)}: it is not a state file of the discovery service`,
      {
        cause,
      },
    )
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw wrong(error)
  }
  if (!isFields(value) || value['version'] !== 1 || !Array.isArray(value['tokens'])) throw wrong()
  for (const each of value['tokens'] as readonly unknown[]) {
    const isToken =
      isFields(each) &&
      typeof each['token'] === 'string' &&
      typeof each['leftMs'] === 'number' &&
      Array.isArray(each['entries']) &&
      each['entries'].every(isEntry)
    if (!isToken) throw wrong()
  }
  return value as unknown as BookRecord
}

function isEntry(entry: unknown): boolean {
  return Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number'
}
