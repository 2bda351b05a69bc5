/** Why a request was turned away by this manager itself, for metrics. */
export type TurnedAwayCause =
  | 'connections'
  | 'streams'
  | 'engine-queue'
  | 'no-placement'
  | 'name-taken'
  | 'unknown-caller'
  | 'forbidden'

/** Counts refusals by cause since the start. */
export class TurnedAway {
  readonly counts: Record<TurnedAwayCause, number> = {
    connections: 0,
    streams: 0,
    'engine-queue': 0,
    'no-placement': 0,
    'name-taken': 0,
    'unknown-caller': 0,
    forbidden: 0,
  }

  count(cause: TurnedAwayCause): void {
    this.counts[cause] += 1
  }
}
