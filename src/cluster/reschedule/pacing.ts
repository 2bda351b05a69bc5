/** Containers that one engine is given within a minute when others fail, and at once after a quiet minute. */
export const perMinute = 10

interface Bucket {
  readonly tokens: number
  readonly atMs: number
}

/**
 * Lets an engine have ten new containers at once and then one every six seconds, so that an engine that takes over for
 * many others, and the registry behind it, is not overrun.
 */
export class Pacing {
  private readonly buckets = new Map<string, Bucket>()

  /** Takes one place on an engine. @param nowMs monotonic @returns false when it has had enough for now */
  take(engineId: string, nowMs: number): boolean {
    const tokens = this.tokensOf(engineId, nowMs)
    if (tokens < 1) return false
    this.buckets.set(engineId, { tokens: tokens - 1, atMs: nowMs })
    this.dropFull(nowMs)
    return true
  }

  private tokensOf(engineId: string, nowMs: number): number {
    const bucket = this.buckets.get(engineId)
    if (bucket === undefined) return perMinute
    return Math.min(perMinute, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) * perMinute) / 60_000)
  }

  /** What is full again need not be remembered. */
  private dropFull(nowMs: number): void {
    if (this.buckets.size < 1024) return
    for (const engineId of this.buckets.keys()) {
      if (this.tokensOf(engineId, nowMs) >= perMinute) this.buckets.delete(engineId)
    }
  }
}
