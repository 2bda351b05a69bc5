import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { parseDurationMs, renderDurationMs } from '../../core/duration.ts'
import type { PlacementRequest } from '../placement.ts'
import type { CreateDraft } from '../request.ts'
import { readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
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
}

/** The creates that wait, for whoever can make room. */
export class WaitingCreates {
  readonly #entries = new Map<string, WaitingCreate>()

  get size(): number {
    return this.#entries.size
  }

  set(entry: WaitingCreate): void {
    this.#entries.set(entry.id, entry)
  }

  delete(id: string): void {
    this.#entries.delete(id)
  }

  /** Oldest first. */
  list(): readonly WaitingCreate[] {
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
  readonly lead: Pick<FencedCall, 'check'>
  /** When the create came; a second try has no more time than the first. */
  readonly sinceMs: number
  /** The client is gone. */
  readonly signal: AbortSignal
}

/**
 * Takes a place, waiting for one where the create may wait. Conditions that make no sense are refused at once, as ever.
 *
 * @param place throws {cluster/no-placement} while there is no room
 */
export async function waitForRoom<T>(api: Api, waiter: Waiter, place: () => Promise<T>): Promise<T> {
  const { draft, request, lead, sinceMs, signal } = waiter
  const waitMs = readWaitMs(readFields(draft.body, 'Labels'), api.settings.waitMs)
  if (waitMs === 0) return place()
  const { clock } = api.cluster
  const untilMs = sinceMs + waitMs
  try {
    for (;;) {
      const choice = api.cluster.choose(request)
      const isTaken = draft.name !== '' && api.cluster.directory.containersNamed(draft.name).length > 0
      const isHopeless = isTaken || (choice.kind === 'refused' && choice.reason === 'invalid')
      if (choice.kind === 'placed' || isHopeless || clock.nowMs() >= untilMs) {
        try {
          return await place()
        } catch (error) {
          if (!isNoRoom(error) || isHopeless) throw error
          if (clock.nowMs() >= untilMs)
            throw new FlotillaError(error.code, `${error.message} (waited ${renderDurationMs(waitMs)})`, {
              status: 500,
              cause: error,
            })
        }
      }
      const refusal = choice.kind === 'refused' ? choice.text : ''
      if (api.waiting.size >= maxWaiting) return await place()
      api.waiting.set({
        id: draft.swarmId,
        name: draft.name,
        image: draft.request.image,
        nanoCpus: draft.request.nanoCpus,
        memoryBytes: draft.request.memoryBytes,
        sinceMs,
        untilMs,
        refusal,
      })
      await pause(clock, signal)
      lead.check()
    }
  } finally {
    api.waiting.delete(draft.swarmId)
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
