import { parseRemoved, renderRemoved } from './record.ts'
import type { ContainerRecord, RemovedRecord } from './record.ts'
import type { RecordStore } from './record-store.ts'

interface Entry {
  readonly record: RemovedRecord
  /** As last seen in the store. */
  readonly version: string
}

/** A copy of a removed container on one engine. */
export interface RemovedCopy {
  readonly swarmId: string
  readonly name: string
  readonly containerId: string
}

/** Engines that never come back must not fill the store: from then on the oldest is let go. */
const maxRemoved = 10_000

/**
 * Containers that were removed while copies of them were left on engines that did not answer. Without it such a copy
 * would be a container like any other when its engine is back: what a client has removed would be there again.
 */
export class RemovedBook {
  readonly #store: RecordStore
  #entries = new Map<string, Entry>()

  constructor(store: RecordStore) {
    this.#store = store
  }

  /** Starts over with nothing; `take` fills it. */
  clear(): void {
    this.#entries = new Map()
  }

  /** Takes over what the store has. @returns false for what cannot be read */
  take(text: string, version: string): boolean {
    const record = parseRemoved(text)
    if (record !== undefined) this.#entries.set(record.swarmId, { record, version })
    return record !== undefined
  }

  /** Whether this is a copy of a container that was removed. */
  isLeftCopy(swarmId: string, containerId: string): boolean {
    return this.#entries.get(swarmId)?.record.left.some((each) => each.containerId === containerId) === true
  }

  /** Notes what is left of a container that has been removed. @returns false when another manager wrote meanwhile */
  async keep({ swarmId, name, left }: ContainerRecord): Promise<boolean> {
    if (left.length === 0) return true
    const [oldest] = this.#entries.keys()
    if (this.#entries.size >= maxRemoved && oldest !== undefined) await this.#write(oldest, undefined)
    return this.#write(swarmId, { swarmId, name, left })
  }

  /** What may be left on an engine. */
  copiesOn(engineId: string): readonly RemovedCopy[] {
    const copies: RemovedCopy[] = []
    for (const { record } of this.#entries.values()) {
      const { swarmId, name } = record
      for (const each of record.left) {
        if (each.engineId === engineId) copies.push({ swarmId, name, containerId: each.containerId })
      }
    }
    return copies
  }

  /** A copy is not there any more. @returns as `keep` */
  async settle({ swarmId, containerId }: RemovedCopy): Promise<boolean> {
    const record = this.#entries.get(swarmId)?.record
    if (record === undefined) return true
    const left = record.left.filter((each) => each.containerId !== containerId)
    return this.#write(swarmId, left.length === 0 ? undefined : { ...record, left })
  }

  async #write(swarmId: string, record: RemovedRecord | undefined): Promise<boolean> {
    const key = `removed/${swarmId}`
    const before = this.#entries.get(swarmId)?.version
    if (record === undefined) {
      const isGone = before === undefined || (await this.#store.remove(key, before))
      this.#entries.delete(swarmId)
      return isGone
    }
    const version = await this.#store.write(key, renderRemoved(record), before)
    if (version === undefined) return false
    this.#entries.set(swarmId, { record, version })
    return true
  }
}
