import type { Clock } from '../../core/clock.ts'
import { raceAbort } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { removeImage, tagImage } from '../../engine/api/images.ts'
import type { CallOptions } from '../../core/call.ts'
import type { Cluster } from '../cluster.ts'
import type { Member } from '../member.ts'
import { inspectImageOn, isSameImage, LayerCache, readStore } from './image-facts.ts'
import type { ImageFacts, StoreFacts } from './image-facts.ts'
import { makeLayerFilter } from './layer-filter.ts'
import { countShared } from './layers.ts'
import { fitsNode, listSources, planNaming } from './plan-copy.ts'
import type { ImageSource } from './plan-copy.ts'
import { SourceSlots } from './source-slots.ts'
import { streamImage } from './stream-image.ts'
import type { Streamed } from './stream-image.ts'

/** Most copies that one node gives at the same time. */
const streamsPerSource = 2
/** One try that leaves layers out and two that leave out nothing. */
const maxTries = 3

/** What a copy came to. */
export type Brought =
  /** The target has the image under the reference. */
  | { readonly kind: 'there' }
  /** No other node has one that fits. */
  | { readonly kind: 'absent' }
  /** Some node has it, but it could not be copied. */
  | { readonly kind: 'failed'; readonly error: unknown }

export interface BringOptions {
  readonly target: Member
  /** As the client wrote it. */
  readonly reference: string
  /** `linux/arm64`, when the client asked for one. */
  readonly platform: string | undefined
  /** ID of the image that the name stands for, where that is known; `isOnly`: no other one will do. */
  readonly latest?: { readonly id: string; readonly isOnly: boolean }
  readonly signal: AbortSignal
}

interface Job {
  readonly stop: AbortController
  readonly promise: Promise<string>
  waiters: number
}

/**
 * Copies images from node to node, so that a fleet needs no registry for what any of its nodes has. Only layers
 * that the target lacks are sent; an image gets its name after it was found to be the one that was meant.
 */
export class ImageTransfer {
  readonly #cluster: Cluster
  readonly #clock: Clock
  readonly #log: Log
  readonly #layers = new LayerCache()
  readonly #slots = new SourceSlots<Member>(streamsPerSource)
  readonly #jobs = new Map<string, Job>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#clock = cluster.clock
    this.#log = cluster.log
  }

  /** Brings an image to a node. Failures are values; only the signal rejects. Equal copies at one time are one. */
  async bring(options: BringOptions): Promise<Brought> {
    const { target, reference, latest, signal } = options
    await this.#cluster.settled()
    const holders = this.#cluster.directory.imageHolders(reference)
    const naming = planNaming(reference, holders)
    if (naming === 'none') return { kind: 'absent' }
    let failure: unknown
    for (const source of listSources(holders, target.addr, latest?.id)) {
      if (latest?.isOnly === true && source.id !== latest.id) continue
      try {
        const facts = await this.#describe(source, signal)
        if (facts === undefined || !fitsNode(facts, target.view, options.platform)) continue
        const id = await this.#copyOnce({ ...options, source, facts })
        if (naming !== 'id') await tagImage(target.engine, id, naming, { signal })
        await this.#cluster.changed(target, { what: 'images' })
        this.#slots.announce()
        return { kind: 'there' }
      } catch (error) {
        if (signal.aborted) throw error
        failure = error
        const fields = { image: reference, node: target.name, error: toMessage(error) }
        this.#log.warn('cannot copy an image to a node', fields)
        if (isFull(error)) break
      }
    }
    return failure === undefined ? { kind: 'absent' } : { kind: 'failed', error: failure }
  }

  /** What the first of the nodes that still has the image says of it. */
  async #describe(source: ImageSource, signal: AbortSignal): Promise<ImageFacts | undefined> {
    for (const addr of source.addrs) {
      const member = this.#cluster.member(addr)
      if (member?.isHealthy !== true) continue
      const facts = await inspectImageOn(member.engine, source.id, within(member, signal)).catch((error: unknown) => {
        if (signal.aborted) throw error
        return undefined
      })
      if (facts !== undefined) return facts
    }
    return undefined
  }

  /** Joins the copy of the image to the node that is under way, or begins it; the last to leave ends it. */
  async #copyOnce(copy: Copy): Promise<string> {
    const key = `${copy.target.addr} ${copy.facts.id}`
    let job = this.#jobs.get(key)
    if (job === undefined) {
      const stop = new AbortController()
      const promise = this.#copy({ ...copy, signal: stop.signal })
      job = { stop, promise, waiters: 0 }
      const own = job
      this.#jobs.set(key, own)
      const forget = (): void => {
        if (this.#jobs.get(key) === own) this.#jobs.delete(key)
      }
      promise.then(forget, forget)
    }
    const own = job
    own.waiters += 1
    try {
      return await raceAbort(copy.signal, () => own.promise)
    } finally {
      own.waiters -= 1
      if (own.waiters === 0) {
        if (this.#jobs.get(key) === own) this.#jobs.delete(key)
        own.stop.abort(new FlotillaError('core/aborted', 'nobody waits for the copy any more'))
      }
    }
  }

  /** @returns the ID that the target knows the image by */
  async #copy(copy: Copy): Promise<string> {
    const { target, facts, signal } = copy
    const there = await inspectImageOn(target.engine, facts.id, within(target, signal))
    if (there?.id === facts.id && there.isWhole) return there.id
    const store = await readStore(target.engine, within(target, signal))
    const failed = new Set<string>()
    let failure: unknown
    for (let tries = 1; tries <= maxTries; tries += 1) {
      const slot = await this.#slots.acquire(() => this.#candidates(copy.source, failed), signal)
      if (slot === undefined) break
      try {
        return await this.#tryCopy(copy, slot.source, { store, isWhole: tries > 1 })
      } catch (error) {
        if (signal.aborted || isFull(error)) throw error
        failure = error
        failed.add(slot.source.addr)
        const fields = { id: facts.id, from: slot.source.name, to: target.name, error: toMessage(error) }
        this.#log.debug('a copy of an image failed', fields)
      } finally {
        slot.release()
      }
    }
    throw failure ?? new FlotillaError('cluster/unhealthy', `no node that has image ${facts.id} answers`)
  }

  /** Those that have not failed; when all have, each gets another turn. */
  #candidates(source: ImageSource, failed: Set<string>): readonly Member[] {
    const holders = this.#cluster.directory.imageHolders(source.id).map(({ node }) => node.addr)
    const members = [...new Set([...source.addrs, ...holders])].flatMap((addr) => {
      const member = this.#cluster.member(addr)
      return member?.isHealthy === true ? [member] : []
    })
    const fresh = members.filter((member) => !failed.has(member.addr))
    return fresh.length > 0 ? fresh : members
  }

  async #tryCopy(
    copy: Copy,
    source: Member,
    how: { readonly store: StoreFacts; readonly isWhole: boolean },
  ): Promise<string> {
    const { target, facts, signal } = copy
    const { store } = how
    const canLeaveOut = !how.isWhole && (!store.isContainerd || store.tellsMissing)
    const shared = canLeaveOut
      ? countShared(facts.layers, await this.#layers.list(target.engine, target.view.images, { signal }))
      : 0
    let kept = 0
    const options = { layers: facts.layers, shared, isBlobsOnly: store.isContainerd, onDropped: () => (kept += 1) }
    const before = new Set(target.view.images.map((image) => image.id))
    const startedMs = this.#clock.monotonicMs()
    const streamed = await streamImage({
      source,
      target,
      id: facts.id,
      platform: undefined,
      rules: shared === 0 ? undefined : makeLayerFilter(options),
      clock: this.#clock,
      signal,
    })
    const isSameStore = (await readStore(source.engine, within(source, signal))).isContainerd === store.isContainerd
    const id = await findLoaded(target, facts, streamed, { isSameStore, signal })
    if (id === undefined) {
      await this.#takeBack(target, streamed, before)
      throw new FlotillaError('engine/protocol', `what node ${source.name} sent is not image ${facts.id}`)
    }
    this.#log.info('image copied', {
      id: facts.id,
      from: source.name,
      to: target.name,
      bytes: streamed.sentBytes,
      layersLeftOut: kept,
      ms: Math.round(this.#clock.monotonicMs() - startedMs),
    })
    return id
  }

  /** What was loaded and is not what was meant has no name yet; it goes unless it was there before. */
  async #takeBack(target: Member, streamed: Streamed, before: ReadonlySet<string>): Promise<void> {
    for (const id of streamed.ids) {
      if (before.has(id)) continue
      await removeImage(target.engine, id, {}, { deadlineMs: 30_000 }).catch((error: unknown) =>
        this.#log.debug('cannot remove an image', { id, node: target.name, error: toMessage(error) }),
      )
    }
  }
}

interface Copy extends BringOptions {
  readonly source: ImageSource
  readonly facts: ImageFacts
}

/** The ID under which the target has the whole image that was meant. Stores of one kind give it the same. */
async function findLoaded(
  target: Member,
  facts: ImageFacts,
  streamed: Streamed,
  o: { readonly isSameStore: boolean; readonly signal: AbortSignal },
): Promise<string | undefined> {
  for (const id of o.isSameStore ? [facts.id] : streamed.ids) {
    const found = await inspectImageOn(target.engine, id, within(target, o.signal))
    if (found !== undefined && found.isWhole && isSameImage(found, facts)) return found.id
  }
  return undefined
}

/** Trying again fills no disk less. */
export function isFull(error: unknown): boolean {
  return /no space left on device|disk quota exceeded/i.test(toMessage(error))
}

/** What a plain call to an engine may take. */
function within({ limits }: Member, signal: AbortSignal): CallOptions {
  return { signal, deadlineMs: limits.callSeconds * 1000 }
}
