import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { parseDurationMs, renderDurationMs } from '../../core/duration.ts'
import type { PlacementRequest } from '../placement.ts'
import type { CreateDraft } from '../request.ts'
import { readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { LeadershipMoved, leadershipOver } from './fence.ts'
import type { FencedCall } from './fence.ts'
import type { Api } from './call.ts'

/** A container that says how long it may wait for a node that can take it, `10m`. */
export const WAIT_LABEL = 'flotilla.wait'

const pollMs = 250
const longestWaitMs: number = 24 * 3_600_000
/** Creates that may wait at once: each holds a connection of a client. */
const maxWaiting = 1000

/** A create that no node can take at present. */
export interface WaitingCreate {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly nanoCpus: number
  readonly memoryBytes: number
  readonly sinceMs: number
  readonly untilMs: number
  /** Why no node takes it. */
  readonly refusal: string
  /** A replica keeps it, and has asked last at this time; undefined: its client waits here. */
  readonly askedMs: number | undefined
}

/** A replica that keeps a create and has not asked for so long has lost its client, or is gone. */
const forgottenMs = 5000

/** The creates that wait, for whoever can make room. */
export class WaitingCreates {
  readonly #entries = new Map<string, WaitingCreate>()
  #isEnded = false

  get size(): number {
    return this.#entries.size
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** Nothing waits here any more: the manager ends. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  end(): void {
    this.#isEnded = true
  }

  set(entry: WaitingCreate): void {
    this.#entries.set(entry.id, entry)
  }

  delete(id: string): void {
    this.#entries.delete(id)
  }

  /** Oldest first. */
  list(nowMs: number): readonly WaitingCreate[] {
    for (const { id, askedMs } of this.#entries.values()) {
      if (askedMs !== undefined && askedMs < nowMs - forgottenMs) this.#entries.delete(id)
    }
    return [...this.#entries.values()].sort((a, b) => a.sinceMs - b.sinceMs)
  }
}

/** How long a create may wait, in milliseconds: its own label, else what the manager was told. @throws {cluster/invalid-option} */
export function readWaitMs(labels: Fields, fallbackMs: number): number {
  const text = readText(labels, WAIT_LABEL)
  if (text === '') return fallbackMs
  try {
    const ms = parseDurationMs(text)
    if (ms >= 0) return Math.min(ms, longestWaitMs)
  } catch {
    // Worded below, with the label's name.
  }
  throw new FlotillaError(
    'cluster/invalid-option',
    `label ${WAIT_LABEL}: ${JSON.stringify(text)} is no duration such as 10m`,
    {
      status: 400,
    },
  )
}

interface Waiter {
  readonly draft: CreateDraft
  readonly request: PlacementRequest
  readonly lead: Pick<FencedCall, 'isBroken'>
  /** Monotonic: when the create came; a second try has no more time than the first. */
  readonly arrivedMs: number
  /** The client is gone. */
  readonly signal: AbortSignal
  /** ID under which a replica keeps the create: each of its tries is answered at once. */
  readonly keptAs: string | undefined
}

/** What those are told whose create waits at a manager that ends. */
export const endingMessage = 'this manager ends; the container was not created, send the request again'

/** There is no room yet, and whoever keeps the create may ask again: nothing has been done for it. */
export class StillWaiting extends FlotillaError {
  /** For how long it may still wait. */
  readonly leftMs: number

  constructor(refusal: string, leftMs: number) {
    super('cluster/no-placement', refusal, { status: 503 })
    this.leftMs = leftMs
  }
}

/**
 * Takes a place, waiting for one where the create may wait. Conditions that make no sense are refused at once, as ever.
 *
 * @param place throws {cluster/no-placement} while there is no room
 */
export async function waitForRoom<T>(api: Api, waiter: Waiter, place: () => Promise<T>): Promise<T> {
  const { draft, request, lead, arrivedMs, signal, keptAs } = waiter
  const id = keptAs ?? draft.swarmId
  const waitMs = readWaitMs(readFields(draft.body, 'Labels'), api.settings.waitMs)
  if (waitMs === 0) return place()
  const { clock } = api.cluster
  // Counted on a clock that nobody sets; what is shown is told by the one on the wall.
  const leftMs = (): number => arrivedMs + waitMs - clock.monotonicMs()
  const sinceMs = clock.nowMs() - (clock.monotonicMs() - arrivedMs)
  let isKept = false
  try {
    for (;;) {
      await api.cluster.judge(request)
      const choice = api.cluster.choose(request)
      const isTaken = draft.name !== '' && api.cluster.directory.containersNamed(draft.name).length > 0
      const isHopeless = isTaken || (choice.kind === 'refused' && choice.reason === 'invalid')
      if (choice.kind === 'placed' || isHopeless || leftMs() <= 0) {
        try {
          return await place()
        } catch (error) {
          if (!isNoRoom(error) || isHopeless) throw error
          if (leftMs() <= 0)
            throw new FlotillaError(error.code, `${error.message} (waited ${renderDurationMs(waitMs)})`, {
              status: 500,
              cause: error,
            })
        }
      }
      const refusal = choice.kind === 'refused' ? choice.text : ''
      if (api.waiting.size >= maxWaiting && !api.waiting.has(id)) return await place()
      api.waiting.set({
        id,
        name: draft.name,
        image: draft.request.image,
        nanoCpus: draft.request.nanoCpus,
        memoryBytes: draft.request.memoryBytes,
        sinceMs,
        untilMs: sinceMs + waitMs,
        refusal,
        askedMs: keptAs === undefined ? undefined : clock.nowMs(),
      })
      if (keptAs !== undefined && !api.waiting.isEnded) {
        isKept = true
        throw new StillWaiting(refusal, leftMs())
      }
      if (!api.waiting.isEnded) await pause(clock, signal)
      if (api.waiting.isEnded) throw new LeadershipMoved(endingMessage)
      if (lead.isBroken) throw leadershipOver()
    }
  } finally {
    if (!isKept) api.waiting.delete(id)
  }
}

async function pause(clock: Api['cluster']['clock'], signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(pollMs, signal)
  } catch (error) {
    const message = `the client went away while its container waited: ${toMessage(error)}`
    throw new FlotillaError('cluster/no-placement', message, { status: 500, cause: error })
  }
}

function isNoRoom(error: unknown): error is FlotillaError {
  return isFlotillaError(error) && error.code === 'cluster/no-placement'
}
