import type { Clock } from '../../core/clock.ts'
import type { Election } from '../leader/election.ts'
import { LeadershipMoved } from './fence.ts'
import type { Exchange } from './http1/exchange.ts'
import { notPrimaryHeader } from './kept-wait.ts'
import type { KeptWait } from './kept-wait.ts'
import { renderPath } from './target.ts'
import type { Target } from './target.ts'

export type Serve = () => void | Promise<void>

/** A request that cannot be served here at once. */
export interface Arrival {
  readonly exchange: Exchange
  readonly target: Target
  readonly serve: Serve
  /** A replica sent it: it goes no further. */
  readonly isPassedOn: boolean
  /** A replica may serve it in need. */
  readonly isServable: boolean
  /** A create, which may have to wait for room. */
  readonly kept: KeptWait | undefined
  /** A primary was asked before and gave no answer. */
  readonly isAgain: boolean
  /** Monotonic. */
  readonly atMs: number
  readonly untilMs: number
}

/**
 * Waits for a change of leadership.
 *
 * @returns false when the time is over or the client has gone
 */
export async function awaitChange(
  { role, clock }: { readonly role: Pick<Election, 'onChange'>; readonly clock: Clock },
  exchange: Exchange,
  untilMs: number,
): Promise<boolean> {
  const leftMs = untilMs - clock.monotonicMs()
  if (leftMs <= 0 || exchange.isGone) return false
  const stop = new AbortController()
  let isChanged = false
  const giveBack = role.onChange(() => {
    isChanged = true
    stop.abort(changedReason)
  })
  exchange.onGone(() => stop.abort(changedReason))
  await clock.sleep(leftMs, stop.signal).catch(() => undefined)
  giveBack()
  exchange.onGone(undefined)
  return isChanged && !exchange.isGone
}

/** The manager that has passed a request on may do so again when nothing has been done for it here. */
export async function tellMoved(exchange: Exchange, serve: Serve): Promise<void> {
  try {
    await serve()
  } catch (error) {
    if (error instanceof LeadershipMoved) exchange.addHeaders([notPrimaryHeader, 'true'])
    throw error
  }
}

/** What is asked for, as another manager is asked for it. */
export function pathOf({ version, path, query }: Target): string {
  return `${version === undefined ? '' : `/v${version}`}${renderPath(path)}${query === '' ? '' : `?${query}`}`
}

const changedReason = new Error('leadership has changed')
