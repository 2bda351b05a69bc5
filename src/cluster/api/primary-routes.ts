/** Where the requests of several managers are served: which each answers itself, and which only the primary may. */

/** Answered by every manager itself, and at once: what they say is about this manager. */
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

/** A create of a container, which may have to wait for room. */
export function mayWait(method: string, path: string): boolean {
  return method === 'POST' && path === createPath
}
