import type { Socket } from 'node:net'
import { toAbortError } from '../core/deadline.ts'
import { FlotillaError } from '../core/errors.ts'

/** Resolves with the socket at `event`, rejects when it fails or the signal fires first. */
export function whenReady<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal | undefined,
): Promise<S> {
  return new Promise((resolve, reject) => {
    function release(): void {
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
    socket.on(event, ready)
    socket.on('error', fail)
    socket.on('close', closed)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
