import type { Clock } from '../core/clock.ts'
import type { ResponseBody } from '../io/http/response-body.ts'

/** How much silence is too much. */
export interface IdleLimits {
  /** Most milliseconds without a byte. */
  readonly idleMs: number
  /** Longer silence, up to this in all, is borne by whom `isAlive` says that the other side is at work. */
  readonly patienceMs: number
  readonly isAlive: () => Promise<boolean>
}

/**
 * Calls `onIdle` once, with the length of the silence, when too long no byte of a body has arrived although the consumer
 * wanted some.
 *
 * @returns stops watching
 */
export function watchIdle(
  clock: Clock,
  body: ResponseBody,
  { idleMs, patienceMs, isAlive }: IdleLimits,
  onIdle: (silentMs: number) => void,
): () => void {
  const stop = new AbortController()
  async function watch(): Promise<void> {
    for (let silentMs = 0; ;) {
      const before = body.receivedBytes
      await clock.sleep(idleMs, stop.signal)
      const isSilent = (): boolean => body.receivedBytes === before && !body.isPaused
      silentMs = isSilent() ? silentMs + idleMs : 0
      if (silentMs === 0 || (silentMs < patienceMs && (await isAlive())) || !isSilent()) continue
      // The body may be over by now, and its connection somebody else's.
      if (!stop.signal.aborted) onIdle(silentMs)
      return
    }
  }
  watch().catch(() => {})
  return () => stop.abort()
}
