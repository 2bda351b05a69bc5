import { setImmediate } from 'node:timers/promises'

/** Longest that others wait for their turn meanwhile. */
const sliceMs = 10

/** Asked between the steps of long work. @returns gives others their turn; undefined: goes on, it has not been long */
export function makeSlices(nowMs: () => number): () => Promise<void> | undefined {
  let untilMs = nowMs() + sliceMs
  async function pause(): Promise<void> {
    await setImmediate()
    untilMs = nowMs() + sliceMs
  }
  return () => (nowMs() < untilMs ? undefined : pause())
}
