import type { CallOptions } from '../core/call.ts'
import { FlotillaError } from '../core/errors.ts'
import { DEFAULT_PROGRAM } from './host.ts'
import type { Host } from './host.ts'

/** Keeps host records. One bad record never affects the others. */
export interface Store {
  /** Root folder; certificates lie in `<root>/certs`. */
  readonly root: string
  /** The folder of one machine, whether it exists or not. */
  pathOf(name: string): string
  /** Names, in the order of their bytes; records are not read. */
  list(): Promise<readonly string[]>
  exists(name: string): Promise<boolean>
  /**
   * Reads a record, migrated to the current version where it was older (the old text is kept beside it).
   * @throws {machine/not-found} when there is none
   * @throws {machine/invalid-record} when it cannot be read
   * @throws {machine/future-record} when a later version wrote it
   */
  load(name: string): Promise<Host>
  /** Replaces the record in one step: after any interruption the file is the old or the new one, whole. */
  save(host: Host): Promise<void>
  /**
   * Claims a new name: of several at once exactly one succeeds.
   * @throws {machine/exists}
   */
  create(host: Host): Promise<void>
  /** Deletes the record and all files of the machine. */
  remove(name: string): Promise<void>
  /**
   * Runs `body` while no other process does so for the same name. Locks of processes that died are taken over.
   * @throws {io/locked} when it is held and `deadlineMs` runs out; names the holder
   */
  lock<T>(name: string, body: () => Promise<T>, o?: CallOptions): Promise<T>
}

/** docker-machine's text for a name that is not in the store. */
export function notFoundError(name: string, program: string = DEFAULT_PROGRAM): FlotillaError {
  return new FlotillaError(
    'machine/not-found',
    `Docker machine "${name}" does not exist. Use "${program} ls" to list machines. Use "${program} create" to add a new one.`,
  )
}

/** docker-machine's text for a name that is taken. */
export function existsError(name: string): FlotillaError {
  return new FlotillaError('machine/exists', `Docker machine "${name}" already exists`)
}
