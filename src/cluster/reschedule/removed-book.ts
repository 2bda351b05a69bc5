import type { ContainerView } from '../model.ts'
import { isThatCopy, keyOfCopy } from './left-copy.ts'
import { parseRemoved, renderRemoved } from './record.ts'
import type { ContainerRecord, LeftCopy, RemovedRecord } from './record.ts'
import type { RecordStore } from './record-store.ts'

interface Entry {
  readonly record: RemovedRecord
  /** As last seen in the store. */
  readonly version: string
}

/** A copy of a removed container on one engine. */
export interface RemovedCopy extends LeftCopy {
  readonly swarmId: string
  readonly name: string
}

/** Engines that never come back must not fill the store: from then on the first one is let go. */
const maxRemoved = 10_000

/**
 * Containers that were removed while copies of them were left on engines that did not answer. Without it such a copy
 * would be a container like any other when its engine is back: what a client has removed would be there again.
 */
export class RemovedBook {
  readonly #store: RecordStore
  #entries = new Map<string, Entry>()
  /** Swarm IDs by engine that may have copies. */
  #byEngine = new Map<string, Set<string>>()
  /** Versions of what the store has and nobody can read, by swarm ID: it is written over. */
  #unread = new Map<string, string>()
  /** What was told of a copy that cannot be removed. */
  readonly #told = new Map<string, string>()
  /** Since when, on the monotonic clock, an engine that answers does not show a copy that it may have been making. */
  readonly #missedMs = new Map<string, number>()

  constructor(store: RecordStore) {
    this.#store = store
  }

  /** Starts over with nothing; `take` fills it. */
  clear(): void {
    this.#entries = new Map()
    this.#byEngine = new Map()
    this.#unread = new Map()
    this.#told.clear()
    this.#missedMs.clear()
  }

  /** Takes over what the store has. @returns false for what cannot be read */
  take(swarmId: string, text: string, version: string): boolean {
    const record = parseRemoved(text)
    if (record?.swarmId === swarmId) this.#set({ record, version })
    else this.#unread.set(swarmId, version)
    return record?.swarmId === swarmId
  }

  /** Whether this is a copy of a container that was removed. */
  isLeftCopy(engineId: string, container: ContainerView): boolean {
    const left = this.#entries.get(container.swarmId)?.record.left ?? []
    return left.some((each) => isThatCopy(each, engineId, container))
  }

  /** Notes what is left of a container that has been removed. @returns false when another manager wrote meanwhile */
  async keep({ swarmId, name }: ContainerRecord, left: readonly LeftCopy[]): Promise<boolean> {
    const before = this.#entries.get(swarmId)?.record.left ?? []
    const all = new Map([...before, ...left].map((each) => [keyOfCopy(each), each]))
    if (all.size === 0) return true
    const [first] = this.#entries.keys()
    if (this.#entries.size >= maxRemoved && first !== undefined) await this.#write(first, undefined)
    return this.#write(swarmId, { swarmId, name, left: [...all.values()] })
  }

  hasCopiesOn(engineId: string): boolean {
    return this.#byEngine.has(engineId)
  }

  /** What may be left on an engine. */
  copiesOn(engineId: string): readonly RemovedCopy[] {
    const copies: RemovedCopy[] = []
    for (const swarmId of this.#byEngine.get(engineId) ?? []) {
      const record = this.#entries.get(swarmId)?.record
      for (const each of record?.left ?? []) {
        if (each.engineId === engineId) copies.push({ ...each, swarmId, name: record?.name ?? '' })
      }
    }
    return copies
  }

  /** A copy is not there any more. @returns as `keep` */
  async settle(copy: RemovedCopy): Promise<boolean> {
    const { swarmId } = copy
    this.#told.delete(tellingKey(copy))
    this.#missedMs.delete(tellingKey(copy))
    const record = this.#entries.get(swarmId)?.record
    if (record === undefined) return true
    const left = record.left.filter((each) => keyOfCopy(each) !== keyOfCopy(copy))
    return this.#write(swarmId, left.length === 0 ? undefined : { ...record, left })
  }

  /** A copy cannot be removed. @returns whether that is news */
  noteTrouble(copy: RemovedCopy, why: string): boolean {
    const isNews = this.#told.get(tellingKey(copy)) !== why
    this.#told.set(tellingKey(copy), why)
    return isNews
  }

  /** A copy whose making was not answered does not show. @returns how long that has been so, in milliseconds */
  noteMissing(copy: RemovedCopy, nowMs: number): number {
    const key = tellingKey(copy)
    const sinceMs = this.#missedMs.get(key) ?? nowMs
    this.#missedMs.set(key, sinceMs)
    return nowMs - sinceMs
  }

  /** Its engine does not answer: what it did not show before says nothing. */
  forgetMissing(engineId: string): void {
    for (const copy of this.copiesOn(engineId)) this.#missedMs.delete(tellingKey(copy))
  }

  async #write(swarmId: string, record: RemovedRecord | undefined): Promise<boolean> {
    const key = `removed/${swarmId}`
    const before = this.#entries.get(swarmId)?.version ?? this.#unread.get(swarmId)
    if (record === undefined) {
      const isGone = before === undefined || (await this.#store.remove(key, before))
      this.#unset(swarmId)
      return isGone
    }
    const version = await this.#store.write(key, renderRemoved(record), before)
    if (version === undefined) return false
    this.#set({ record, version })
    return true
  }

  #set(entry: Entry): void {
    const { swarmId, left } = entry.record
    this.#unset(swarmId)
    this.#entries.set(swarmId, entry)
    for (const { engineId } of left) {
      this.#byEngine.set(engineId, (this.#byEngine.get(engineId) ?? new Set<string>()).add(swarmId))
    }
  }

  #unset(swarmId: string): void {
    this.#unread.delete(swarmId)
    for (const { engineId } of this.#entries.get(swarmId)?.record.left ?? []) {
      const all = this.#byEngine.get(engineId)
      all?.delete(swarmId)
      if (all?.size === 0) this.#byEngine.delete(engineId)
    }
    this.#entries.delete(swarmId)
  }
}

function tellingKey(copy: RemovedCopy): string {
  return `${copy.swarmId}/${keyOfCopy(copy)}`
}
