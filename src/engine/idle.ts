import type { Clock } from '../core/clock.ts'
import type { ResponseBody } from '../io/http/response-body.ts'

/**
 * Calls `onIdle` once when no byte of a body has arrived for `idleMs` although the consumer wanted some.
 *
 * @returns stops watching
 */
export function watchIdle(clock: Clock, body: ResponseBody, idleMs: number, onIdle: () => void): () => void {
  const stop = new AbortController()
  async function watch(): Promise<void> {
    for (let before = -1; body.receivedBytes !== before || body.isPaused;) {
      before = body.receivedBytes
      await clock.sleep(idleMs, stop.signal)
    }
    onIdle()
  }
  watch().catch(() => {})
  return () => stop.abort()
}
