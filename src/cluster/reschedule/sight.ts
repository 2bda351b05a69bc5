/**
 * How many of the other managers have to reach an engine so that its containers stay although the manager that leads
 * does not. `off`: nobody is asked · `majority`: the engine is given up when more managers miss it than reach it.
 */
export type ObserverRule =
  | { readonly kind: 'off' }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'majority' }

/** Any other manager that reaches the engine keeps its containers where they are. */
export const anyObserver: ObserverRule = { kind: 'count', count: 1 }

/** What came of asking one other manager. One that does not answer knows nothing of the engine. */
export interface Sighting {
  /** As it advertises itself. */
  readonly manager: string
  readonly says: 'reached' | 'missed' | 'silent'
}

/** What all managers together know of an engine that the leading one does not reach. */
export interface Sight {
  /** Nobody who counts reaches it: its containers may be made anew elsewhere. */
  readonly isLost: boolean
  /** Addresses of managers that reach it, sorted. */
  readonly reachedBy: readonly string[]
}

/** There is no other manager, or none is asked. */
export const lostSight: Sight = { isLost: true, reachedBy: [] }

/**
 * Weighs what the other managers said; the one that leads has missed the engine itself.
 *
 * The order of sightings and those of silent managers change nothing, and a further manager that reaches the engine never
 * makes it lost.
 */
export function weighSightings(rule: ObserverRule, sightings: readonly Sighting[]): Sight {
  if (rule.kind === 'off') return lostSight
  const reached = new Set<string>()
  const missed = new Set<string>()
  for (const { manager, says } of sightings) {
    if (says === 'reached') reached.add(manager)
    else if (says === 'missed') missed.add(manager)
  }
  const reachedBy = [...reached].sort()
  const missing = missed.size + 1
  return { isLost: rule.kind === 'count' ? reachedBy.length < rule.count : missing > reachedBy.length, reachedBy }
}

/** `any`, `majority`, `off` or a number of managers; undefined for anything else. */
export function parseObserverRule(text: string): ObserverRule | undefined {
  if (text === 'any') return anyObserver
  if (text === 'majority' || text === 'off') return { kind: text }
  return /^[1-9]\d{0,3}$/.test(text) ? { kind: 'count', count: Number(text) } : undefined
}

/** The end of a sentence about a node; empty when no other manager reaches it. */
export function renderSight(sight: Sight | undefined): string {
  if (sight === undefined || sight.reachedBy.length === 0) return ''
  const { reachedBy } = sight
  const last = reachedBy.at(-1) ?? ''
  const who = reachedBy.length === 1 ? `manager ${last}` : `managers ${reachedBy.slice(0, -1).join(', ')} and ${last}`
  return `not reached from here, but from ${who}`
}
