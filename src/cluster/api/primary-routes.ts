/** Where the requests of several managers are served: which each answers itself, and which only the primary may. */

/** Answered by every manager itself: what they say is about this manager. */
const localPaths: ReadonlySet<string> = new Set([
  '/_ping',
  '/info',
  '/debug',
  '/flotilla/leader',
  '/flotilla/managers',
  '/flotilla/sightings',
  '/flotilla/metrics',
  '/flotilla/debug',
])

export function isLocal(path: string): boolean {
  return localPaths.has(path) || path.startsWith('/debug/') || path.startsWith('/flotilla/debug/')
}

const createPath = '/containers/create'

const primaryPaths: ReadonlySet<string> = new Set([
  createPath,
  '/networks/create',
  '/volumes/create',
  '/build',
  '/session',
  '/grpc',
])

/**
 * What only a primary may do: give names away, choose nodes, change the cluster. Everything else a replica can do from
 * what it knows itself, when nobody leads or the leader is out of its reach (reliability.md F-M4, F-K1).
 *
 * @param isOfTenant what a tenant has under way is counted by the one that leads
 */
export function needsPrimary(method: string, path: string, isOfTenant: boolean): boolean {
  if (method === 'GET' || method === 'HEAD') return false
  if (isOfTenant && /^\/containers\/.+\/update$/.test(path)) return true
  return primaryPaths.has(path) || path.startsWith('/flotilla/') || /^\/containers\/.+\/rename$/.test(path)
}

/**
 * Whether a call may be sent again of which nobody knows whether it was carried out. `always`: it ends as it would have,
 * or with the refusal of what is gone or there already · `when-broken`: not while the manager that was asked may wake up
 */
export type Repeat = 'always' | 'when-broken'

/** Somebody else may have given a name away between two tries; an ID stays with what was meant. */
const byIdCall = /^POST \/containers\/[0-9a-f]{64}\/(?:start|stop|restart)$/
const byIdRemoval = /^DELETE \/(?:containers\/[0-9a-f]{64}|networks\/(?:[0-9a-f]{64}|[0-9a-z]{25}))$/
/** What a leader that was frozen takes back when it wakes up. */
const takenBack = /^POST \/(?:containers\/[0-9a-f]{64}\/rename|networks\/create)$/

/** How a call may be sent again; undefined: never. */
export function repeatOf(method: string, path: string): Repeat | undefined {
  if (method === 'GET' || method === 'HEAD') return 'always'
  const call = `${method} ${path}`
  if (takenBack.test(call)) return 'when-broken'
  const isRepeatable = byIdCall.test(call) || byIdRemoval.test(call) || call === 'POST /volumes/create'
  return isRepeatable || mayWait(method, path) ? 'always' : undefined
}

/** A create of a container, which may have to wait for room. */
export function mayWait(method: string, path: string): boolean {
  return method === 'POST' && path === createPath
}
