/** Containers that one engine is given within any minute when others fail; all of them at once, if need be. */
export const perMinute = 10

const windowMs = 60_000

/**
 * Counts what each engine was given lately, so that one that takes over for many others, and the registry behind it, is
 * not overrun.
 */
export class Pacing {
  /** When the last ones were given, oldest first. */
  private readonly given = new Map<string, readonly number[]>()

  /** Takes one place on an engine. @param nowMs monotonic @returns false when it has had enough for now */
  take(engineId: string, nowMs: number): boolean {
    const recent = (this.given.get(engineId) ?? []).filter((at) => at > nowMs - windowMs)
    const isAllowed = recent.length < perMinute
    if (isAllowed) recent.push(nowMs)
    this.given.set(engineId, recent)
    return isAllowed
  }

  /** Engines that left are not remembered. */
  keepOnly(engineIds: ReadonlySet<string>): void {
    for (const engineId of this.given.keys()) if (!engineIds.has(engineId)) this.given.delete(engineId)
  }
}
