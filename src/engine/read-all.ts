import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { startTimer, throwIfAborted, toAbortError } from '../core/deadline.ts'
import { FlotillaError } from '../core/errors.ts'
import type { HttpConnection } from '../io/http/connection.ts'
import type { WholeAnswer } from '../io/http/pipeline.ts'
import type { HttpRequest } from '../io/http/request.ts'
import { maxJsonBytes } from './reply.ts'

/** What reading needs of the client it belongs to. */
export interface ReadAllOptions {
  readonly clock: Clock
  readonly call: CallOptions
  readonly requests: readonly HttpRequest[]
  takeIdle(): HttpConnection | undefined
  open(): Promise<HttpConnection>
  /** False for a peer that was once silent behind an answer: it may not know how to answer requests sent together. */
  readonly mayJoin: boolean
  /** A peer answered the first of several requests and not the next. */
  onSilence(): void
  /** The failure of the request of this index, when nothing came for `deadlineMs`. */
  makeTimeout(index: number): FlotillaError
  onAnswer(index: number, answer: WholeAnswer): void
  /** The request of this index has no answer; those behind it are asked again. */
  onFailure(index: number, error: Error): void
}

/** How one round of asking ended. */
interface Round {
  readonly error: Error | undefined
  readonly isTimeout: boolean
}

/**
 * Asks for several things at once on one connection, which costs one system call instead of one for each. Servers of
 * Go answer such requests one after the other; where a connection ends early, the rest is asked again on another.
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
    const { error, isTimeout } = await askRest(o, done, (answer) => {
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

async function askRest(o: ReadAllOptions, from: number, onAnswer: (answer: WholeAnswer) => void): Promise<Round> {
  const rest = o.mayJoin ? o.requests.slice(from) : o.requests.slice(from, from + 1)
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
  function watch(ms: number, seen: number): () => void {
    return startTimer(o.clock, ms, () => {
      if (isOver) return
      if (answered !== seen) {
        cancel = watch(ms, answered)
        return
      }
      isTimeout = true
      if (answered > 0) o.onSilence()
      connection.destroy(o.makeTimeout(from + answered))
    })
  }
  let cancel = deadlineMs === undefined ? undefined : watch(deadlineMs, 0)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    await connection.sendAll(requests, maxJsonBytes, (answer) => {
      answered += 1
      onAnswer(answer)
    })
    return { error: undefined, isTimeout }
  } catch (error) {
    return { error: error instanceof Error ? error : new FlotillaError('internal', String(error)), isTimeout }
  } finally {
    isOver = true
    cancel?.()
    signal?.removeEventListener('abort', stop)
  }
}
