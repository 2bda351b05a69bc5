import type { Clock } from '../../core/clock.ts'
import { waitAtMost } from '../../core/deadline.ts'
import type { NameKeeper } from '../taken-names.ts'
import type { RecordBook } from './book.ts'
import type { World } from './decide.ts'
import { keepsName } from './kept-name.ts'
import type { ContainerRecord } from './record.ts'

/** A store that does not answer keeps creates waiting once in each term, and no longer than this. */
const longestWaitMs = 2000

export interface RecordedNamesOptions {
  readonly book: RecordBook
  readonly clock: Clock
  readonly isVolumeLossAllowed: boolean
  readWorld(): World
}

/** Names of recorded containers on engines that this manager has not read: nobody else gets them. */
export class RecordedNames implements NameKeeper {
  readonly #o: RecordedNamesOptions
  /** Resolves when the records have been read; undefined while nobody has to wait for that. */
  #loaded: Promise<void> | undefined
  #onLoaded: () => void = () => undefined
  #waiting: Promise<void> | undefined

  constructor(options: RecordedNamesOptions) {
    this.#o = options
  }

  /** This manager leads from now on and has not read the records yet. */
  expect(): void {
    this.settle()
    this.#loaded = new Promise((resolve) => (this.#onLoaded = resolve))
  }

  /** The records are read, or somebody else leads. */
  settle(): void {
    this.#loaded = undefined
    this.#waiting = undefined
    this.#onLoaded()
  }

  ready(): Promise<void> | undefined {
    const loaded = this.#loaded
    if (loaded === undefined) return undefined
    this.#waiting ??= waitAtMost(this.#o.clock, loaded, longestWaitMs).then(() => {
      if (this.#loaded === loaded) this.#loaded = undefined
    })
    return this.#waiting
  }

  /** Recorded containers that no engine shows, and that keep their names. */
  list(): readonly ContainerRecord[] {
    const { book, isVolumeLossAllowed } = this.#o
    const world = this.#o.readWorld()
    return book.all().filter((record) => keepsName(record, world, isVolumeLossAllowed))
  }

  keeps(name: string, exceptIds: readonly string[]): boolean {
    const { book, isVolumeLossAllowed } = this.#o
    const records = book.named(name)
    if (records.length === 0) return false
    const world = this.#o.readWorld()
    return records.some(
      (record) => !exceptIds.includes(record.home.containerId) && keepsName(record, world, isVolumeLossAllowed),
    )
  }
}
