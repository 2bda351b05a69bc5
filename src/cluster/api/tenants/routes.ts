/**
 * What a tenant's call of a route goes through; see `calls.ts`. `plain`: the handler as it is, which finds only what is the
 * tenant's. `stream`: the same, counted as a stream. `absent`: there is none, for no tenant. `closed`: no tenant may call it.
 */
export type TenantRule =
  | 'absent'
  | 'attachment'
  | 'build'
  | 'closed'
  | 'commit'
  | 'create'
  | 'events'
  | 'exec'
  | 'exec-stream'
  | 'image'
  | 'image-inspect'
  | 'image-remove'
  | 'image-tag'
  | 'logs'
  | 'network-create'
  | 'network-inspect'
  | 'nodes'
  | 'plain'
  | 'prune'
  | 'pull'
  | 'push'
  | 'remove'
  | 'rename'
  | 'save'
  | 'start'
  | 'stats'
  | 'stream'
  | 'update'
  | 'volume-create'

const table: Readonly<Record<string, TenantRule>> = {
  'GET /_ping': 'plain',
  'HEAD /_ping': 'plain',
  'GET /version': 'plain',
  'GET /info': 'plain',
  'GET /events': 'events',
  'GET /system/df': 'plain',
  'POST /auth': 'plain',
  'GET /images/search': 'plain',
  'GET /distribution/*/json': 'plain',

  'GET /flotilla/whoami': 'plain',
  'GET /flotilla/tenants': 'plain',
  'GET /flotilla/nodes': 'nodes',

  'GET /containers/json': 'plain',
  'GET /containers/ps': 'plain',
  'POST /containers/create': 'create',
  'POST /containers/prune': 'prune',
  'GET /containers/*/json': 'plain',
  'GET /containers/*/logs': 'logs',
  'GET /containers/*/stats': 'stats',
  'GET /containers/*/top': 'plain',
  'GET /containers/*/changes': 'plain',
  'GET /containers/*/export': 'plain',
  'GET /containers/*/archive': 'plain',
  'HEAD /containers/*/archive': 'plain',
  'PUT /containers/*/archive': 'plain',
  'POST /containers/*/copy': 'plain',
  'GET /containers/*/attach/ws': 'stream',
  'POST /containers/*/attach': 'stream',
  'POST /containers/*/exec': 'plain',
  'POST /containers/*/kill': 'plain',
  'POST /containers/*/pause': 'plain',
  'POST /containers/*/rename': 'rename',
  'POST /containers/*/resize': 'plain',
  'POST /containers/*/restart': 'plain',
  'POST /containers/*/start': 'start',
  'POST /containers/*/stop': 'plain',
  'POST /containers/*/unpause': 'plain',
  'POST /containers/*/update': 'update',
  'POST /containers/*/wait': 'plain',
  'DELETE /containers/*': 'remove',

  'GET /exec/*/json': 'exec',
  'POST /exec/*/resize': 'exec',
  'POST /exec/*/start': 'exec-stream',

  'POST /commit': 'commit',

  'GET /images/json': 'plain',
  'GET /images/get': 'save',
  'GET /images/*/get': 'image',
  'GET /images/*/json': 'image-inspect',
  'GET /images/*/history': 'image-inspect',
  'GET /images/*/attestations': 'image',
  'POST /images/create': 'pull',
  'POST /images/prune': 'prune',
  'POST /images/*/push': 'push',
  'POST /images/*/tag': 'image-tag',
  'DELETE /images/*': 'image-remove',
  'POST /build': 'build',

  'GET /networks': 'network-inspect',
  'POST /networks/create': 'network-create',
  'POST /networks/prune': 'prune',
  'GET /networks/*': 'network-inspect',
  'POST /networks/*/connect': 'attachment',
  'POST /networks/*/disconnect': 'attachment',
  'DELETE /networks/*': 'plain',

  'GET /volumes': 'plain',
  'POST /volumes/create': 'volume-create',
  'POST /volumes/prune': 'prune',
  'GET /volumes/*': 'plain',
  'DELETE /volumes/*': 'plain',

  'GET /plugins/*/json': 'absent',
  'GET /configs/*': 'absent',
  'GET /nodes/*': 'absent',
  'GET /secrets/*': 'absent',
  'GET /services/*': 'absent',
  'GET /tasks/*': 'absent',
}

/**
 * What is left out of the table on purpose: it concerns nodes, engines or the fleet, or nobody can tell whose is what. The
 * archive of `docker load` brings names of its own; the tunnels of BuildKit lead to a builder that all share.
 */
export const closedRoutes: ReadonlySet<string> = new Set([
  'GET /plugins',
  'GET /plugins/privileges',
  'POST /plugins/*',
  'DELETE /plugins/*',
  'GET /flotilla/leader',
  'GET /flotilla/managers',
  'POST /flotilla/managers',
  'POST /flotilla/sightings',
  'GET /debug/pprof',
  'GET /debug/pprof/',
  'GET /debug/pprof/profile',
  'GET /debug/pprof/heap',
  'GET /flotilla/explain',
  'POST /flotilla/explain',
  'GET /flotilla/metrics',
  'GET /flotilla/snapshot',
  'GET /flotilla/waiting',
  'GET /flotilla/ports',
  'GET /flotilla/nodes/*',
  'POST /flotilla/nodes/*/drain',
  'POST /flotilla/nodes/*/undrain',
  'POST /flotilla/nodes/*/cordon',
  'POST /flotilla/nodes/*/labels',
  'GET /flotilla/moves',
  'POST /flotilla/rebalance',
  'GET /containers/*/checkpoints',
  'POST /containers/*/checkpoints',
  'GET /images/viz',
  'POST /images/load',
  'PUT /volumes/*',
  'POST /build/cancel',
  'POST /build/prune',
  'POST /session',
  'POST /grpc',
  ...['configs', 'nodes', 'secrets', 'services', 'tasks'].flatMap((kind) => [
    `GET /${kind}`,
    ...['POST', 'DELETE'].flatMap((method) => [`${method} /${kind}`, `${method} /${kind}/*`]),
  ]),
  ...['GET', 'POST', 'DELETE'].flatMap((method) => [`${method} /swarm`, `${method} /swarm/*`]),
])

/** The rule of a route, `METHOD pattern`. A route without one is closed. */
export function ruleOf(line: string): TenantRule {
  return Object.hasOwn(table, line) ? (table[line] ?? 'closed') : 'closed'
}

/** Routes that the table names, for tests. */
export function listRuled(): readonly string[] {
  return Object.keys(table)
}
