import { cpus } from 'node:os'

/** What all processors of this machine have done since it started, milliseconds; they count in steps of 10. */
export function readProcessorTimes(): { readonly idleMs: number; readonly totalMs: number } {
  let idleMs = 0
  let totalMs = 0
  for (const { times } of cpus()) {
    idleMs += times.idle
    totalMs += times.user + times.nice + times.sys + times.idle + times.irq
  }
  return { idleMs, totalMs }
}
