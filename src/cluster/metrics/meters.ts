import type { Clock } from '../../core/clock.ts'

/** Upper bounds of the duration histogram, in seconds. */
export const durationBounds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

const boundsMs = Float64Array.from(durationBounds, (seconds) => seconds * 1000)

/**
 * Counts the requests of one route. A request costs one look at the clock at each end and a few additions: no object,
 * no text, no look-up by name.
 */
export class RouteMeter {
  readonly method: string
  readonly route: string
  /** Requests by status. */
  readonly statuses: Map<number, number> = new Map()
  /** Requests not slower than the bound of the same index, and than those before it not; the last one: slower than all. */
  readonly buckets: Float64Array = new Float64Array(boundsMs.length + 1)
  sumMs = 0
  readonly #clock: Clock

  constructor(method: string, route: string, clock: Clock) {
    this.method = method
    this.route = route
    this.#clock = clock
  }

  /** @returns what `record` wants */
  start(): number {
    return this.#clock.monotonicMs()
  }

  /** The reply begins: its length and how fast the client reads are no business of ours. */
  record(startedMs: number, status: number): void {
    const ms = this.#clock.monotonicMs() - startedMs
    this.sumMs += ms
    let at = 0
    while (at < boundsMs.length && ms > (boundsMs[at] ?? 0)) at += 1
    this.buckets[at] = (this.buckets[at] ?? 0) + 1
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
  }
}

/** The meters of all routes. */
export class Meters {
  readonly routes: RouteMeter[] = []
  /** What fits no route. */
  readonly unknown: RouteMeter
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.unknown = this.make('', 'unknown')
  }

  make(method: string, route: string): RouteMeter {
    const meter = new RouteMeter(method, route, this.#clock)
    this.routes.push(meter)
    return meter
  }
}
