import type { Log } from '../../core/log.ts'
import type { ContainerView } from '../model.ts'
import { isThatCopy, listLeft } from './left-copy.ts'
import { parseMark, parseRecord, renderMark, renderRecord } from './record.ts'
import type { ContainerRecord, MarkRecord } from './record.ts'
import type { RecordStore } from './record-store.ts'
import { RemovedBook } from './removed-book.ts'

/** Stores take at least this much in one value (Consul: 512 KiB). */
const maxTextLength = 500_000

interface Entry<R> {
  readonly record: R
  /** As last seen in the store; undefined: not kept there. */
  readonly version: string | undefined
}

/** The records of one manager in memory, written through to the store. */
export class RecordBook {
  readonly #store: RecordStore
  readonly #log: Log
  readonly removed: RemovedBook
  #containers = new Map<string, Entry<ContainerRecord>>()
  #marks = new Map<string, Entry<MarkRecord>>()
  #byEngine = new Map<string, Set<string>>()
  /** Swarm IDs by name. */
  #byName = new Map<string, Set<string>>()
  /** Versions of what is in the store and cannot be read: it is written over by what is known now. */
  #unread = new Map<string, string>()

  constructor(store: RecordStore, log: Log) {
    this.#store = store
    this.#log = log
    this.removed = new RemovedBook(store)
  }

  /** Starts over with what the store has. @throws what the store throws */
  async load(): Promise<void> {
    const kept = await this.#store.list()
    this.#containers = new Map()
    this.#marks = new Map()
    this.#byEngine = new Map()
    this.#byName = new Map()
    this.#unread = new Map()
    this.removed.clear()
    for (const { key, text, version } of kept) {
      const record = key.startsWith('containers/') ? parseRecord(text) : undefined
      const mark = key.startsWith('nodes/') ? parseMark(text) : undefined
      if (record !== undefined) this.#set(record, version)
      else if (mark !== undefined) this.#marks.set(mark.engineId, { record: mark, version })
      else if (!(key.startsWith('removed/') && this.removed.take(key.slice('removed/'.length), text, version))) {
        this.#unread.set(key, version)
        this.#log.warn('ignoring a record that cannot be read', { key, store: this.#store.name })
      }
    }
  }

  get size(): number {
    return this.#containers.size
  }

  get(swarmId: string): ContainerRecord | undefined {
    return this.#containers.get(swarmId)?.record
  }

  all(): readonly ContainerRecord[] {
    return [...this.#containers.values()].map((entry) => entry.record)
  }

  /** Engines that recorded containers are on. */
  engineIds(): Iterable<string> {
    return this.#byEngine.keys()
  }

  ofEngine(engineId: string): readonly ContainerRecord[] {
    return this.#pick(this.#byEngine.get(engineId))
  }

  named(name: string): readonly ContainerRecord[] {
    return this.#pick(this.#byName.get(name))
  }

  #pick(swarmIds: Iterable<string> | undefined): readonly ContainerRecord[] {
    const found: ContainerRecord[] = []
    for (const swarmId of swarmIds ?? []) {
      const record = this.get(swarmId)
      if (record !== undefined) found.push(record)
    }
    return found
  }

  /** A container on an engine that is none any more: another has taken its place, or it was removed while that was away. */
  isLeftCopy(engineId: string, container: ContainerView): boolean {
    if (this.removed.isLeftCopy(engineId, container)) return true
    const record = this.get(container.swarmId)
    if (record === undefined || record.home.containerId === container.id) return false
    return record.left.some((each) => isThatCopy(each, engineId, container))
  }

  marks(): readonly MarkRecord[] {
    return [...this.#marks.values()].map((entry) => entry.record)
  }

  markOf(engineId: string): MarkRecord | undefined {
    return this.#marks.get(engineId)?.record
  }

  /**
   * Writes a record over the version this manager knows.
   * @returns false when another manager wrote meanwhile: ours is out of date, and `load` has to be called
   */
  async put(record: ContainerRecord): Promise<boolean> {
    const text = renderRecord(record)
    const before = this.#containers.get(record.swarmId)
    if (text.length > maxTextLength) {
      this.#log.warn('a container is too large to be recorded; a new manager will not know it', { name: record.name })
      this.#set(record, before?.version)
      return true
    }
    const version = await this.#write(`containers/${record.swarmId}`, text, before?.version)
    if (version === undefined) return false
    this.#set(record, version)
    return true
  }

  /** Takes out what was removed from the cluster; what may be left of it on engines that are away is noted. @returns as `put` */
  async forget(record: ContainerRecord): Promise<boolean> {
    return (await this.removed.keep(record, listLeft(record))) && this.remove(record.swarmId)
  }

  /** @returns as `put` */
  async remove(swarmId: string): Promise<boolean> {
    const entry = this.#containers.get(swarmId)
    if (entry === undefined) return true
    const isGone = entry.version === undefined || (await this.#store.remove(`containers/${swarmId}`, entry.version))
    this.#unset(swarmId)
    return isGone
  }

  /** A mark that says nothing is taken out. @returns as `put` */
  async putMark(record: MarkRecord): Promise<boolean> {
    const key = `nodes/${record.engineId}`
    const before = this.#marks.get(record.engineId)
    const isPlain = record.mark.availability === 'active' && record.mark.labels.size === 0
    if (isPlain) {
      // Known until the store has let go of it, so that it can be taken out once more.
      const isGone = before?.version === undefined || (await this.#store.remove(key, before.version))
      if (isGone) this.#marks.delete(record.engineId)
      return isGone
    }
    const version = await this.#write(key, renderMark(record), before?.version)
    if (version === undefined) return false
    this.#marks.set(record.engineId, { record, version })
    return true
  }

  async #write(key: string, text: string, version: string | undefined): Promise<string | undefined> {
    const next = await this.#store.write(key, text, version ?? this.#unread.get(key))
    if (next !== undefined) this.#unread.delete(key)
    return next
  }

  #set(record: ContainerRecord, version: string | undefined): void {
    this.#unset(record.swarmId)
    this.#containers.set(record.swarmId, { record, version })
    addTo(this.#byEngine, record.home.engineId, record.swarmId)
    if (record.name !== '') addTo(this.#byName, record.name, record.swarmId)
  }

  #unset(swarmId: string): void {
    const before = this.#containers.get(swarmId)
    if (before === undefined) return
    this.#containers.delete(swarmId)
    takeFrom(this.#byEngine, before.record.home.engineId, swarmId)
    takeFrom(this.#byName, before.record.name, swarmId)
  }
}

function addTo(index: Map<string, Set<string>>, key: string, swarmId: string): void {
  const ids = index.get(key)
  if (ids === undefined) index.set(key, new Set([swarmId]))
  else ids.add(swarmId)
}

function takeFrom(index: Map<string, Set<string>>, key: string, swarmId: string): void {
  const ids = index.get(key)
  ids?.delete(swarmId)
  if (ids?.size === 0) index.delete(key)
}
