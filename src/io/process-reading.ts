import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { IntervalHistogram } from 'node:perf_hooks'
import process from 'node:process'

/** Delays of the event loop in seconds. */
export interface LoopDelay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface ProcessMeasures {
  readonly startedAtMs: number
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  readonly externalBytes: number
  /** Since the call before; undefined at the first one, which starts the measuring, and where there is none. */
  readonly loopDelay: LoopDelay | undefined
}

/** The pause between two samples, which the histogram counts as delay. */
const resolutionMs = 20

let histogram: IntervalHistogram | undefined

/** What this process uses now. The first call makes it wake fifty times a second, so that later ones can tell delays. */
export function measureProcess(nowMs: number): ProcessMeasures {
  const memory = process.memoryUsage()
  const cpu = process.cpuUsage()
  return {
    startedAtMs: nowMs - process.uptime() * 1000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    residentBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    heapTotalBytes: memory.heapTotal,
    externalBytes: memory.external,
    loopDelay: measureLoopDelay(),
  }
}

function measureLoopDelay(): LoopDelay | undefined {
  if (histogram === undefined) {
    histogram = startHistogram()
    return undefined
  }
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000)
  const delay = {
    p50: seconds(histogram.percentile(50)),
    p99: seconds(histogram.percentile(99)),
    max: seconds(histogram.max),
  }
  // Nothing was sampled yet: the histogram's smallest number stands for its largest.
  const isEmpty = histogram.max <= 0 || Number.isNaN(histogram.mean)
  histogram.reset()
  return isEmpty ? undefined : delay
}

function startHistogram(): IntervalHistogram | undefined {
  try {
    const made = monitorEventLoopDelay({ resolution: resolutionMs })
    made.enable()
    return made
  } catch {
    // Not every runtime has it.
    return undefined
  }
}
