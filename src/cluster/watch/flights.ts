import { keyOf } from './messages.ts'
import type { Fetch } from './messages.ts'

/** A fetch that is under way, or about to be. */
export interface Flight {
  /** Not asked for yet: `next` says what will be. */
  readonly isWaiting: boolean
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
 *
 * @param isPatient it may wait for others of its key until `begin`
 * @returns what to start now, if anything; `isQueued` when it has begun to wait
 */
export function want(
  flights: Flights,
  fetch: Fetch,
  isPatient = false,
): { readonly flights: Flights; readonly start: Fetch | undefined; readonly isQueued: boolean } {
  const key = keyOf(fetch)
  const flight = flights.get(key)
  const next = new Map(flights)
  if (flight === undefined) {
    const after = isPatient ? fetch : undefined
    next.set(key, { isWaiting: isPatient, next: after, isOverruled: false, touched: nothing })
    return { flights: next, start: isPatient ? undefined : fetch, isQueued: isPatient }
  }
  const wanted = flight.next === undefined ? fetch : widen(flight.next, fetch)
  const isStarting = flight.isWaiting && !isPatient
  next.set(key, isStarting ? { ...flight, isWaiting: false, next: undefined } : { ...flight, next: wanted })
  return { flights: next, start: isStarting ? wanted : undefined, isQueued: false }
}

/** Starts everything that waits. */
export function begin(flights: Flights): { readonly flights: Flights; readonly started: readonly Fetch[] } {
  const started: Fetch[] = []
  const next = new Map(flights)
  for (const [key, flight] of flights) {
    if (!flight.isWaiting || flight.next === undefined) continue
    started.push(flight.next)
    next.set(key, { ...flight, isWaiting: false, next: undefined })
  }
  return started.length === 0 ? { flights, started } : { flights: next, started }
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

/** Notes for a list under way that one of its things changed; for details under way too. */
export function touch(flights: Flights, list: 'containers' | 'networks' | 'volumes', id: string): Flights {
  const touched = touchOne(flights, list, id)
  return list === 'containers' ? touchOne(touched, 'details', id) : touched
}

function touchOne(flights: Flights, key: string, id: string): Flights {
  const flight = flights.get(key)
  if (flight === undefined || flight.touched.has(id)) return flights
  return new Map(flights).set(key, { ...flight, touched: new Set([...flight.touched, id]) })
}

/** Notes that what a single fetch under way reads was changed by us. */
export function overrule(flights: Flights, fetch: Fetch): Flights {
  const key = keyOf(fetch)
  const flight = flights.get(key)
  if (flight === undefined) return flights
  const next = flight.next === undefined ? fetch : widen(flight.next, fetch)
  // What has not been asked for yet will be answered with what is true then.
  return new Map(flights).set(key, { ...flight, isOverruled: !flight.isWaiting, next })
}

/** After a gap in the events: every single fetch under way may have read too early and is repeated. */
export function repeatSingles(flights: Flights): Flights {
  let repeated: Map<string, Flight> | undefined
  for (const [key, flight] of flights) {
    if (flight.isWaiting) continue
    const fetch = toFetch(key)
    if (fetch === undefined && key !== 'details') continue
    repeated ??= new Map(flights)
    // Details are asked for again by whoever hears that they are not to be believed.
    repeated.set(key, fetch === undefined ? { ...flight, isOverruled: true } : { ...flight, next: fetch })
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
