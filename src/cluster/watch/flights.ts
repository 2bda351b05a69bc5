import { keyOf } from './messages.ts'
import type { Fetch } from './messages.ts'

/** A fetch that is under way. */
export interface Flight {
  /** Asked for again since it began: what to read once more when it lands. */
  readonly next: Fetch | undefined
  /** A call of ours changed the thing meanwhile: what lands may be from before and is not taken over. */
  readonly isOverruled: boolean
  /** For lists: things that changed since it began; the list's word on them may be old. */
  readonly touched: ReadonlySet<string>
}

export type Flights = ReadonlyMap<string, Flight>

const nothing: ReadonlySet<string> = new Set()

/**
 * Notes that `fetch` is wanted. One fetch of a key is under way at a time, so that answers cannot overtake each
 * other; a wish that comes meanwhile is kept, and the last answer is always younger than the last wish.
 */
export function want(flights: Flights, fetch: Fetch): { readonly flights: Flights; readonly isStarted: boolean } {
  const key = keyOf(fetch)
  const flight = flights.get(key)
  const next = new Map(flights)
  if (flight === undefined) {
    next.set(key, { next: undefined, isOverruled: false, touched: nothing })
    return { flights: next, isStarted: true }
  }
  const later = withoutRow(fetch)
  next.set(key, { ...flight, next: flight.next === undefined ? later : widen(flight.next, later) })
  return { flights: next, isStarted: false }
}

/** What is under way may be younger than the row: it is read again with the rest. */
function withoutRow(fetch: Fetch): Fetch {
  if (fetch.what !== 'container' || fetch.row === undefined) return fetch
  return { what: 'container', id: fetch.id, isInspected: fetch.isInspected }
}

function widen(a: Fetch, b: Fetch): Fetch {
  if (a.what !== 'container' || b.what !== 'container') return b
  return { ...b, isInspected: a.isInspected || b.isInspected }
}

/** Takes a landed fetch out. */
export function land(
  flights: Flights,
  fetch: Fetch,
): { readonly flights: Flights; readonly flight: Flight | undefined } {
  const key = keyOf(fetch)
  const flight = flights.get(key)
  if (flight === undefined) return { flights, flight }
  const next = new Map(flights)
  next.delete(key)
  return { flights: next, flight }
}

/** Notes for a list under way that one of its things changed. */
export function touch(flights: Flights, list: 'containers' | 'networks' | 'volumes', id: string): Flights {
  const flight = flights.get(list)
  if (flight === undefined || flight.touched.has(id)) return flights
  return new Map(flights).set(list, { ...flight, touched: new Set([...flight.touched, id]) })
}

/** Notes that what a single fetch under way reads was changed by us. */
export function overrule(flights: Flights, fetch: Fetch): Flights {
  const key = keyOf(fetch)
  const flight = flights.get(key)
  if (flight === undefined) return flights
  const next = flight.next === undefined ? fetch : widen(flight.next, fetch)
  return new Map(flights).set(key, { ...flight, isOverruled: true, next })
}

/** After a gap in the events: every single fetch under way may have read too early and is repeated. */
export function repeatSingles(flights: Flights): Flights {
  let repeated: Map<string, Flight> | undefined
  for (const [key, flight] of flights) {
    const fetch = toFetch(key)
    if (fetch === undefined) continue
    repeated ??= new Map(flights)
    repeated.set(key, { ...flight, next: fetch })
  }
  return repeated ?? flights
}

function toFetch(key: string): Fetch | undefined {
  const at = key.indexOf(':')
  const id = key.slice(at + 1)
  if (key.startsWith('container:')) return { what: 'container', id, isInspected: true }
  if (key.startsWith('network:')) return { what: 'network', id }
  return key.startsWith('volume:') ? { what: 'volume', name: id } : undefined
}
