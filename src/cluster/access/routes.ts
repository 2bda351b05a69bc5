import type { AccessRole, Caller } from './caller.ts'

/** What is looked into before a call is let through, for requests that reach past a container; see `findFreedoms`. */
export type Inspected =
  | 'create'
  | 'update'
  | 'exec'
  | 'start'
  | 'checkpoint'
  | 'commit'
  | 'service'
  | 'volume'
  | 'build'
  | 'image'
  | 'tunnel'

/** What a call acts on; a deployer's own projects are found by it. */
export type Touched = 'container' | 'exec' | 'network' | 'attachment' | 'volume' | 'commit' | 'build' | 'made'

/** Who may make a call. */
export interface RouteAccess {
  readonly least: Exclude<AccessRole, 'tenant'>
  /** Tenants have it, for what is theirs. */
  readonly isForTenants: boolean
  /** Managers ask each other. */
  readonly isForManagers?: true
  readonly inspects?: Inspected
  readonly touches?: Touched
}

type Detail = Pick<RouteAccess, 'inspects' | 'touches'>

/** Tells something of the cluster to everybody, tenants too: of theirs. */
const read: RouteAccess = { least: 'viewer', isForTenants: true }
/** Tells of nodes, or of all together. */
const overview: RouteAccess = { least: 'viewer', isForTenants: false }
/** A single thing of a kind that tenants have none of: they are told that there is none. `docker inspect` asks for all kinds. */
const absent = { isForTenants: true } as const
const operate: RouteAccess = { least: 'operator', isForTenants: false }
const admin: RouteAccess = { least: 'admin', isForTenants: false }
const managers: RouteAccess = { ...admin, isForManagers: true }

/** Changes something, or shows what is inside. */
function deploy(touches: Touched | undefined, detail: Detail = {}): RouteAccess {
  return { least: 'deployer', isForTenants: true, ...(touches === undefined ? {} : { touches }), ...detail }
}

const onContainer = deploy('container')
const onExec = deploy('exec')
const cleanUp: RouteAccess = { least: 'operator', isForTenants: true }

/** Every route of the endpoint, as `METHOD pattern` → who may call it. What is not here is for admins. */
const table: Readonly<Record<string, RouteAccess>> = {
  'GET /_ping': read,
  'HEAD /_ping': read,
  'GET /version': read,
  'GET /info': read,
  'GET /events': read,
  'GET /system/df': read,
  'POST /auth': deploy(undefined),
  'GET /images/search': read,
  'GET /distribution/*/json': deploy(undefined),
  'GET /plugins': overview,
  'GET /plugins/privileges': admin,
  'GET /plugins/*/json': { ...overview, ...absent },
  'POST /plugins/*': admin,
  'DELETE /plugins/*': admin,

  'GET /flotilla/whoami': read,
  'GET /flotilla/tenants': { ...operate, isForTenants: true },
  'GET /flotilla/leader': overview,
  'GET /flotilla/managers': overview,
  'POST /flotilla/managers': managers,
  'POST /flotilla/sightings': managers,
  'GET /debug/pprof': admin,
  'GET /debug/pprof/': admin,
  'GET /debug/pprof/profile': admin,
  'GET /debug/pprof/heap': admin,
  'GET /flotilla/explain': overview,
  'POST /flotilla/explain': overview,
  'GET /flotilla/metrics': overview,
  'GET /flotilla/snapshot': overview,

  'GET /containers/json': read,
  'GET /containers/ps': read,
  'POST /containers/create': deploy('made', { inspects: 'create' }),
  'POST /containers/prune': cleanUp,
  'GET /containers/*/json': read,
  'GET /containers/*/logs': read,
  'GET /containers/*/stats': read,
  'GET /containers/*/top': read,
  'GET /containers/*/changes': read,
  'GET /containers/*/export': onContainer,
  'GET /containers/*/archive': onContainer,
  'HEAD /containers/*/archive': onContainer,
  'PUT /containers/*/archive': onContainer,
  'POST /containers/*/copy': onContainer,
  'GET /containers/*/attach/ws': onContainer,
  'POST /containers/*/attach': onContainer,
  'POST /containers/*/exec': deploy('container', { inspects: 'exec' }),
  'POST /containers/*/kill': onContainer,
  'POST /containers/*/pause': onContainer,
  'POST /containers/*/rename': onContainer,
  'POST /containers/*/resize': onContainer,
  'POST /containers/*/restart': onContainer,
  'POST /containers/*/start': deploy('container', { inspects: 'start' }),
  'POST /containers/*/stop': onContainer,
  'POST /containers/*/unpause': onContainer,
  'POST /containers/*/update': deploy('container', { inspects: 'update' }),
  'POST /containers/*/wait': read,
  'GET /containers/*/checkpoints': deploy('container', { inspects: 'checkpoint' }),
  'POST /containers/*/checkpoints': deploy('container', { inspects: 'checkpoint' }),
  'DELETE /containers/*': deploy('container', { inspects: 'checkpoint' }),

  'GET /exec/*/json': onExec,
  'POST /exec/*/resize': onExec,
  'POST /exec/*/start': onExec,

  'POST /commit': deploy('commit', { inspects: 'commit' }),

  'GET /images/json': read,
  'GET /images/get': cleanUp,
  'GET /images/viz': overview,
  'GET /images/*/get': cleanUp,
  'GET /images/*/json': read,
  'GET /images/*/history': read,
  'GET /images/*/attestations': read,
  'POST /images/create': deploy(undefined, { inspects: 'image' }),
  'POST /images/load': cleanUp,
  'POST /images/prune': cleanUp,
  'POST /images/*/push': deploy(undefined),
  'POST /images/*/tag': deploy(undefined),
  'DELETE /images/*': cleanUp,
  'POST /build': deploy('build', { inspects: 'build' }),
  'POST /build/cancel': deploy(undefined),
  'POST /build/prune': cleanUp,
  'POST /session': deploy(undefined),
  'POST /grpc': deploy(undefined, { inspects: 'tunnel' }),

  'GET /networks': read,
  'POST /networks/create': deploy('made'),
  'POST /networks/prune': cleanUp,
  'GET /networks/*': read,
  'POST /networks/*/connect': deploy('attachment'),
  'POST /networks/*/disconnect': deploy('attachment'),
  'DELETE /networks/*': deploy('network'),

  'GET /volumes': read,
  'POST /volumes/create': deploy('made', { inspects: 'volume' }),
  'POST /volumes/prune': cleanUp,
  'GET /volumes/*': read,
  'PUT /volumes/*': operate,
  'DELETE /volumes/*': deploy('volume'),

  'GET /flotilla/waiting': overview,
  'GET /flotilla/ports': overview,
  'GET /flotilla/nodes': read,
  'GET /flotilla/nodes/*': overview,
  'POST /flotilla/nodes/*/drain': operate,
  'POST /flotilla/nodes/*/undrain': operate,
  'POST /flotilla/nodes/*/cordon': operate,
  'POST /flotilla/nodes/*/labels': operate,
  'GET /flotilla/moves': overview,
  'POST /flotilla/rebalance': operate,

  // The engines' own swarm mode. What it tells of itself has the tokens to join it.
  'GET /swarm': admin,
  'GET /swarm/*': admin,
  'POST /swarm': admin,
  'POST /swarm/*': admin,
  'DELETE /swarm': admin,
  'DELETE /swarm/*': admin,
  'GET /nodes': overview,
  'GET /nodes/*': { ...overview, ...absent },
  'POST /nodes': admin,
  'POST /nodes/*': admin,
  'DELETE /nodes': admin,
  'DELETE /nodes/*': admin,
  'GET /services': overview,
  'GET /services/*': { ...overview, ...absent },
  'POST /services': { ...operate, inspects: 'service' },
  'POST /services/*': { ...operate, inspects: 'service' },
  'DELETE /services': operate,
  'DELETE /services/*': operate,
  'GET /tasks': overview,
  'GET /tasks/*': { ...overview, ...absent },
  'POST /tasks': operate,
  'POST /tasks/*': operate,
  'DELETE /tasks': operate,
  'DELETE /tasks/*': operate,
  'GET /secrets': operate,
  'GET /secrets/*': { ...operate, ...absent },
  'POST /secrets': operate,
  'POST /secrets/*': operate,
  'DELETE /secrets': operate,
  'DELETE /secrets/*': operate,
  'GET /configs': operate,
  'GET /configs/*': { ...operate, ...absent },
  'POST /configs': operate,
  'POST /configs/*': operate,
  'DELETE /configs': operate,
  'DELETE /configs/*': operate,
}

/** The routes that the table names. */
export function listAccess(): readonly string[] {
  return Object.keys(table)
}

/** @param pattern as the endpoint's own table of routes has it */
export function accessOf(method: string, pattern: string): RouteAccess {
  const key = `${method} ${pattern}`
  return Object.hasOwn(table, key) ? (table[key] ?? admin) : admin
}

const ranks = { viewer: 0, deployer: 1, operator: 2, admin: 3 } as const

/** Whether the role alone is enough for a call; what the call asks for and acts on is looked at beside. */
export function isOpenTo(access: RouteAccess, { role, isManager }: Pick<Caller, 'role' | 'isManager'>): boolean {
  if (isManager === true && access.isForManagers === true) return true
  if (role === 'tenant') return access.isForTenants
  return ranks[role] >= ranks[access.least]
}
