import type { Socket } from 'node:net'
import type { Clock } from '../core/clock.ts'
import { startTimer, toAbortError } from '../core/deadline.ts'
import { FlotillaError } from '../core/errors.ts'

/** How long a socket may take to be ready. */
export interface ReadyLimit {
  readonly clock: Clock
  readonly ms: number
  /** The failure of one that takes longer. */
  makeError(): Error
}

/**
 * Resolves with the socket at `event`, rejects when it fails, the limit is over or the signal fires first. A limit is no
 * signal of its own: one that is made for every connection costs as much as the connection.
 */
export function whenReady<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal | undefined,
  limit?: ReadyLimit,
): Promise<S> {
  return new Promise((resolve, reject) => {
    function release(): void {
      cancel?.()
      socket.off(event, ready)
      socket.off('error', fail)
      socket.off('close', closed)
      signal?.removeEventListener('abort', stop)
    }
    function ready(): void {
      release()
      resolve(socket)
    }
    function fail(error: Error): void {
      release()
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    function closed(): void {
      fail(new FlotillaError('io/connect', 'the connection was closed before it was ready'))
    }
    function stop(): void {
      fail(toAbortError(signal))
    }
    const cancel = limit && startTimer(limit.clock, limit.ms, () => fail(limit.makeError()))
    socket.on(event, ready)
    socket.on('error', fail)
    socket.on('close', closed)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
