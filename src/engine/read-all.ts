import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { startTimer, throwIfAborted, toAbortError } from '../core/deadline.ts'
import { FlotillaError } from '../core/errors.ts'
import type { HttpConnection } from '../io/http/connection.ts'
import type { WholeAnswer } from '../io/http/pipeline.ts'
import type { HttpRequest } from '../io/http/request.ts'

/** What reading needs of the client it belongs to. */
export interface ReadAllOptions {
  readonly clock: Clock
  readonly call: CallOptions
  readonly requests: readonly HttpRequest[]
  /** Of one answer. */
  readonly maxBytes: number
  takeIdle(): HttpConnection | undefined
  open(): Promise<HttpConnection>
  /** False for a peer that does not seem to know how to answer requests that are sent together. */
  mayJoin(): boolean
  /** The peer answered the first of several requests and not the next. */
  onSilence(): void
  /** The failure of the request of this index, when nothing came for `deadlineMs`. */
  makeTimeout(index: number): FlotillaError
  onAnswer(index: number, answer: WholeAnswer): void
  /** The request of this index has no answer; those behind it are asked again. */
  onFailure(index: number, error: Error): void
}

/**
 * A peer that has answered one of several requests and is then silent for this long is asked one by one: it may be slow,
 * or it may have dropped what came behind the first, as some simple servers do.
 */
const joinPatienceMs = 1500
/** A timer that is late because we are busy is no silence of the peer: what lies in the socket is read first. */
const graceMs = 250

const secondChanceMs = 3000

/** How one round of asking ended. */
interface Round {
  readonly error: Error | undefined
  readonly isTimeout: boolean
}

/**
 * Asks for several things at once on one connection, which costs one system call instead of one for each. Servers of
 * Go answer such requests one after the other; where a peer does not, the rest is asked again one by one.
 *
 * An answer that does not come is the failure of its request alone; two such without anything between them, or a
 * connection without any answer, are everybody's.
 */
export async function readAll(o: ReadAllOptions): Promise<void> {
  let done = 0
  let silent = 0
  while (done < o.requests.length) {
    throwIfAborted(o.call.signal)
    const before = done
    const { error, isTimeout } = await askRest(silent === 0 ? o : shorten(o), done, (answer) => {
      o.onAnswer(done, answer)
      done += 1
      silent = 0
    })
    if (error === undefined) continue
    if (isTimeout && silent === 0 && o.requests.length > 1) {
      o.onFailure(done, error)
      done += 1
      silent += 1
    } else if (done === before || isTimeout || o.call.signal?.aborted === true) throw error
  }
}

/** Whoever did not answer once gets only a moment to show that it was that one request. */
function shorten(o: ReadAllOptions): ReadAllOptions {
  const deadlineMs = Math.min(o.call.deadlineMs ?? secondChanceMs, secondChanceMs)
  return { ...o, call: { ...o.call, deadlineMs } }
}

async function askRest(o: ReadAllOptions, from: number, onAnswer: (answer: WholeAnswer) => void): Promise<Round> {
  const rest = o.mayJoin() ? o.requests.slice(from) : o.requests.slice(from, from + 1)
  const idle = o.takeIdle()
  if (idle !== undefined) {
    const round = await ask(o, idle, rest, from, onAnswer)
    // A kept connection that the peer had given up says nothing about the peer.
    if (round.error === undefined || round.isTimeout || idle.hasAnswered) return round
    throwIfAborted(o.call.signal)
  }
  return ask(o, await o.open(), rest, from, onAnswer)
}

async function ask(
  o: ReadAllOptions,
  connection: HttpConnection,
  requests: readonly HttpRequest[],
  from: number,
  onAnswer: (answer: WholeAnswer) => void,
): Promise<Round> {
  const { signal, deadlineMs } = o.call
  let answered = 0
  let isTimeout = false
  let isOver = false
  function stop(): void {
    connection.destroy(toAbortError(signal))
  }
  /** One timer at a time: when it fires it looks whether anything came meanwhile. */
  function watch(ms: number | undefined, seen: number, isLast = false): (() => void) | undefined {
    if (ms === undefined) return undefined
    return startTimer(o.clock, ms, () => {
      if (isOver) return
      if (answered !== seen) {
        cancel = watch(joinPatienceMs, answered)
        return
      }
      if (answered > 0 && !isLast) {
        cancel = watch(graceMs, seen, true)
        return
      }
      isTimeout = answered === 0
      connection.destroy(o.makeTimeout(from + answered))
    })
  }
  let cancel = watch(deadlineMs, 0)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    await connection.sendAll(requests, o.maxBytes, (answer) => {
      answered += 1
      // From the first answer on there is less patience.
      if (answered === 1 && requests.length > 1) {
        cancel?.()
        cancel = watch(joinPatienceMs, 1)
      }
      onAnswer(answer)
    })
    return { error: undefined, isTimeout }
  } catch (error) {
    if (answered > 0 && signal?.aborted !== true) o.onSilence()
    return { error: error instanceof Error ? error : new FlotillaError('internal', String(error)), isTimeout }
  } finally {
    isOver = true
    cancel?.()
    signal?.removeEventListener('abort', stop)
  }
}
