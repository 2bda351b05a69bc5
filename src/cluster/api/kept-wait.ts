import { lostHeader } from '../../engine/repeat.ts'
import type { Exchange } from './http1/exchange.ts'
import { headerOf } from './http1/head.ts'
import type { RequestHead, ResponseHead } from './http1/head.ts'
import { callerHeader } from './identity-headers.ts'
import { randomId } from '../../io/random-id.ts'

/**
 * How a replica and the leader share a create that waits for room. The replica keeps the request and asks the leader
 * again and again; the leader answers each try at once. So nothing is under way anywhere while a create waits, and when
 * the leader goes, the replica asks the next one: nothing has been made, and nothing can be made twice.
 */

/** Of a request that a replica passes on: the ID that the audit log of the replica has it under. */
export const requestIdHeader = 'x-flotilla-request-id'

/** Of a request: the replica keeps it, under this ID. */
export const waitIdHeader = 'x-flotilla-wait-id'
/** Of a request: milliseconds that it has waited already. */
export const waitedHeader = 'x-flotilla-waited'
/** Of an answer: there is no room yet; milliseconds that the create may still wait. */
export const waitHeader = 'flotilla-wait'
/** Of an answer: nothing was done, since this manager does not lead. */
export const notPrimaryHeader = 'flotilla-not-primary'

/** As the swarm ID that a container is given, which it is. */
function makeTryId(): string {
  return randomId(32)
}

/** A create that a replica, or a manager that has just lost leadership, keeps. */
export interface KeptWait {
  /** Of this try. */
  id: string
  /** Of tries that got no answer. */
  readonly lostIds: string[]
  /** Monotonic: when it came. */
  readonly sinceMs: number
  /** Monotonic: when a leader last said that it has to wait; undefined until one has. */
  lastWordMs: number | undefined
  tries: number
}

export function makeKeptWait(sinceMs: number): KeptWait {
  return { id: makeTryId(), lostIds: [], sinceMs, lastWordMs: undefined, tries: 0 }
}

/** The try got no answer: the next one has an ID of its own, so that what comes of this one can be told from it. */
export function giveUpTry(kept: KeptWait): void {
  kept.lostIds.push(kept.id)
  kept.id = makeTryId()
  kept.lastWordMs = undefined
}

/** Header lines of the next try. */
export function renderWaitLines(kept: KeptWait, nowMs: number): string {
  const lines = `${waitIdHeader}: ${kept.id}\r\n${waitedHeader}: ${Math.max(0, Math.round(nowMs - kept.sinceMs))}\r\n`
  return kept.lostIds.length === 0 ? lines : `${lines}${renderLost(kept.lostIds)}`
}

export function renderLost(ids: readonly string[]): string {
  return `${lostHeader}: ${ids.join(',')}\r\n`
}

/** Whether a manager that gave no answer may have carried the request out. */
export function isAgain({ lost, head }: Pick<Exchange, 'lost' | 'head'>): boolean {
  return lost !== undefined || headerOf(head, lostHeader) !== undefined
}

/**
 * The tries of a request that got no answer; undefined for one that comes for the first time. What comes of them is removed:
 * where not everybody may do everything only a manager is believed, by whatever proves that it may say who asks.
 */
export function readLost({
  lost,
  caller,
  head,
}: Pick<Exchange, 'lost' | 'caller' | 'head'>): readonly string[] | undefined {
  if (lost !== undefined) return lost
  const isBelieved = caller === undefined || caller.role === 'admin' || headerOf(head, callerHeader) !== undefined
  return isBelieved ? headerOf(head, lostHeader)?.split(',').filter(isId) : undefined
}

/** What a manager that keeps the create says of it; undefined when the client itself waits here. */
export function readKept(head: RequestHead): { readonly id: string; readonly waitedMs: number } | undefined {
  const id = headerOf(head, waitIdHeader) ?? ''
  if (!isId(id)) return undefined
  const waitedMs = Number(headerOf(head, waitedHeader) ?? 0)
  return { id, waitedMs: Number.isFinite(waitedMs) && waitedMs > 0 ? waitedMs : 0 }
}

function isId(text: string): boolean {
  return /^(?:[0-9a-f]{32}|[0-9a-f]{64})$/.test(text)
}

/**
 * What a refusal by the leader means for a create that is kept. `wait`: there is no room yet · `elsewhere`: it does not
 * lead any more and has done nothing · `final`: the client's answer.
 */
export function readRefusal(head: ResponseHead): 'wait' | 'elsewhere' | 'final' {
  if (head.status !== 503) return 'final'
  if (headerOf(head, waitHeader) !== undefined) return 'wait'
  return headerOf(head, notPrimaryHeader) === undefined ? 'final' : 'elsewhere'
}

const firstPauseMs = 250
const longestPauseMs = 1000

/** Until the next try: soon at first, later once a second. */
export function toPauseMs(tries: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(Math.max(0, tries - 4), 4))
}
