import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'
import type { Tenant } from '../access/model.ts'
import { compileConditions } from '../compile-conditions.ts'
import type { CompileRegex } from '../expression.ts'
import type { Audit } from '../audit/audit.ts'
import type { ClusterAccess } from '../cluster.ts'
import type { CallLimits, ManagerLimits } from '../limits.ts'
import type { ImageTransfer } from '../image-transfer/image-transfer.ts'
import type { Peers } from '../leader/peers.ts'
import type { Role } from '../leader/role.ts'
import type { Meters } from '../metrics/meters.ts'
import type { Member } from '../member.ts'
import type { PortForwarder } from '../ports/port-forwarder.ts'
import type { Rescheduler } from '../reschedule/rescheduler.ts'
import type { ContainerView } from '../model.ts'
import type { Use } from '../tenants/quota.ts'
import type { LeadFence } from './fence.ts'
import { isFields, noFields, readField } from '../wire.ts'
import type { Fields } from '../wire.ts'
import type { WaitingCreates } from './waiting.ts'
import { pairOf } from './bridge/versions.ts'
import type { VersionPair } from './bridge/versions.ts'
import { parseBody } from './body-json.ts'
import type { BuildNodes } from './build-nodes.ts'
import type { LatestNames } from './latest-names.ts'
import type { Exchange } from './http1/exchange.ts'
import { identityHeaders } from './identity-headers.ts'
import { Forward } from './proxy.ts'
import type { ForwardHost, ForwardOptions } from './forward-options.ts'
import { renderPath } from './target.ts'

/** What every handler works with. */
export interface Api {
  readonly cluster: ClusterAccess
  readonly host: ForwardHost & ServerCounts & { readonly isHijackFull: boolean }
  readonly settings: ApiSettings
  readonly limits: ManagerLimits
  /** Whether this manager leads. */
  readonly role: Role
  /** The other managers; absent: this one is alone. */
  readonly peers?: Peers
  readonly rescheduler: Rescheduler
  readonly meters: Meters
  /** Certificates whose end is worth knowing, PEM. */
  readonly certificates: readonly { readonly role: string; readonly pem: string }[]
  /** What calls that claim a name run in. */
  readonly fence: LeadFence
  /** Copies images from node to node; absent: nodes get them from registries only. */
  readonly images?: ImageTransfer
  /** Writes down what changes something; absent: nobody wants to know. */
  readonly audit?: Audit
  /** Answers at the ports of containers; absent: only their nodes do. */
  readonly ports?: PortForwarder
  /** Which engine runs which exec. */
  readonly execs: Map<string, string>
  /** Which engine does which build. */
  readonly builds: BuildNodes
  /** Which image a name stands for that was given on one node. */
  readonly latest: LatestNames
  /** Creates that wait for a node. */
  readonly waiting: WaitingCreates
  /** What may be told of an engine's disk usage; absent: all of it. */
  narrowUsage?(member: Member, usage: Fields): Fields
  /** For one stream of events, which of them may be told; absent: all. */
  makeHearing?(): (event: Fields) => boolean
  /** The tenants there are; absent: none. */
  readonly tenants?: Tenants
  /** Loads the regular expression engine on first use. */
  compile(): Promise<CompileRegex>
}

/** Holds tenants to what is theirs. */
export interface Tenants {
  /** Runs a call of a tenant. @param line its route, `METHOD pattern` */
  serve(api: Api, call: Call, line: string, handler: Handler): void | Promise<void>
  /** Keeps a create by somebody else from making something that is a tenant's without saying so. */
  disown(call: Call): Promise<void>
  /** The cluster as calls of a tenant get it; undefined: there is no such tenant. */
  clusterOf(api: Api, tenant: string): ClusterAccess | undefined
  /** What they have and may have, by name. */
  list(api: Api): readonly TenantReading[]
}

export interface TenantReading {
  readonly tenant: Tenant
  readonly use: Use
  /** Attached, followed and listened to at this moment. */
  readonly streams: number
}

/** Connections of clients at this moment. */
export interface ServerCounts {
  readonly connectionCount: number
  /** With a request under way. */
  readonly busyCount: number
  /** Raw streams. */
  readonly hijackedCount: number
}

/** How the API answers, for all calls. */
export interface ApiSettings {
  /** Plain retries of a create after its first failure. */
  readonly createRetries: number
  /** How long a create waits for a node that can take it when it does not say so itself; 0: not at all. */
  readonly waitMs: number
  readonly isCorsEnabled: boolean
  readonly isExperimental: boolean
  /** Profiles may be taken over the API. */
  readonly isDebug: boolean
  /** Name of the machine the endpoint runs on. */
  readonly hostName: string
  /** Container lists with a node filter look at that node again first. */
  readonly refreshOnNodeFilter: boolean
  /** A container list with exactly this name filter looks at all nodes again first. */
  readonly refreshOnNameFilter: string
  readonly version: string
  readonly commit: string
  /** Proxy variables and the like, for `info`. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly kernelVersion: string
}

/** One request on its way through the router. */
export interface Call {
  readonly exchange: Exchange
  /** From the path, `1.41`. */
  readonly version: string | undefined
  /** Decoded, without version. */
  readonly path: string
  readonly query: string
  /** What the route's `*` stands for. */
  readonly name: string
  /** Of a create: what its engine has to have, once it is known which one that is. */
  readonly beforeMake?: (member: Member) => Promise<void>
}

export type Handler = (api: Api, call: Call) => void | Promise<void>

/** The query, parsed. */
export function paramsOf(call: Pick<Call, 'query'>): URLSearchParams {
  return new URLSearchParams(call.query)
}

/** Go's reading of a boolean parameter. */
export function isTrue(value: string | null): boolean {
  if (value === null) return false
  const text = value.trim().toLowerCase()
  return text !== '' && text !== '0' && text !== 'no' && text !== 'false' && text !== 'none'
}

/** The JSON body; numbers keep every digit. @throws {io/protocol} status 400 or 413 */
export async function readJsonBody(call: Call): Promise<Fields> {
  const bytes = await call.exchange.readBody()
  if (bytes.length === 0) return noFields
  const value: unknown = await parseBody(bytes, call.exchange.connection.limits)
  if (!isFields(value)) throw new FlotillaError('io/protocol', 'request body is not a JSON object', { status: 400 })
  return value
}

/** Whether the body is a form, which engines take for a part of the query, and before it. */
export function hasFormBody({ head }: Exchange): boolean {
  for (let at = 0; at < head.headers.length; at += 2) {
    if (head.headers[at] !== 'content-type') continue
    if (/^\s*(?:application\/x-www-form-urlencoded|multipart\/)/i.test(head.headers[at + 1] ?? '')) return true
  }
  return false
}

/** Whether a body asks for something; absent: it does not. @throws {cluster/invalid-option} status 400 */
export function readSwitch(body: Fields, key: string): boolean {
  const value = readField(body, key) ?? false
  if (typeof value === 'boolean') return value
  throw new FlotillaError('cluster/invalid-option', `invalid value for ${key}: must be true or false`, { status: 400 })
}

/** Which engines a request that is not forwarded goes to: the audit log says so. */
export function noteNodes(api: Pick<Api, 'audit'>, call: Pick<Call, 'exchange'>, members: readonly Member[]): void {
  if (api.audit !== undefined) call.exchange.node = members.map((member) => member.name).join(',')
}

/** What conditions are read with. */
export function readWith(
  api: Pick<Api, 'cluster' | 'compile' | 'limits'>,
  texts: readonly string[],
): Promise<CompileRegex> {
  const nowMs = (): number => api.cluster.clock.monotonicMs()
  return compileConditions(texts, () => api.compile(), api.limits.patternLength, nowMs)
}

export const emptyBody: Buffer = Buffer.alloc(0)

/** The versions a call is made with and passed on with, where it is translated between the two. */
export function versionsOf(call: Pick<Call, 'version'>, member: Member): VersionPair {
  return pairOf(call.version, member.versionFor(call.version), member.view.apiVersion)
}

/** To be asked before anything is noted of a stream that is to come. @throws {cluster/unhealthy} status 503 when there is no room */
export function checkStreams(api: Api): void {
  if (!api.host.isHijackFull) return
  api.cluster.turnedAway.count('streams')
  throw new FlotillaError('cluster/unhealthy', 'too many attached streams', { status: 503 })
}

export interface Passing {
  readonly enginePath?: string
  readonly engineQuery?: string
  /** The limit until which the reply must begin; absent: `headSeconds`, or as long as it takes. */
  readonly within?: Within
}

/** As long as a plain call may take, or one that makes, starts, stops or removes something. */
export type Within = keyof Pick<CallLimits, 'callSeconds' | 'createSeconds'>

/** Passes a request on to one engine, with its version prefix bridged. */
export function forward(api: Api, call: Call, member: Member, more: Partial<ForwardOptions> & Passing = {}): void {
  const { enginePath = call.path, engineQuery = call.query, within } = more
  if (more.isHijack === true) checkStreams(api)
  // Who asks is not for engines to know.
  const withoutHeaders = more.withoutHeaders ?? (call.exchange.caller === undefined ? undefined : identityHeaders)
  const path = `${member.versionFor(call.version)}${renderPath(enginePath)}${engineQuery === '' ? '' : `?${engineQuery}`}`
  const headSeconds = within === undefined ? more.headSeconds : api.limits[within]
  // Copied whole, with what only this function reads: leaving fields out is many times as slow.
  new Forward(call.exchange, api.host, { target: member, path, ...more, withoutHeaders, headSeconds }).run()
}

export interface OwnedContainer {
  readonly member: Member
  readonly container: ContainerView
}

/**
 * The container that a reference stands for, and its engine.
 * @throws {cluster/not-found} status 404
 * @throws {cluster/unhealthy} status 500, naming the node that does not answer
 */
export function findOwned(api: Api, reference: string, notFound?: string): OwnedContainer {
  const found = api.cluster.directory.findContainer(reference)
  if (found.kind === 'ambiguous') {
    const where = found.matches.map((match) => match.node.name).join(', ')
    throw new FlotillaError(
      'cluster/ambiguous',
      `No such container ${reference}: it could be one of several, on ${where}; give the node too, as NODE/NAME`,
      { status: 404 },
    )
  }
  if (found.kind === 'missing') {
    checkDeparted(api, reference)
    throw new FlotillaError('cluster/not-found', notFound ?? `No such container ${reference}`, { status: 404 })
  }
  const member = api.cluster.memberOf(found.node)
  if (!member.isHealthy) {
    const elsewhere = api.rescheduler.observers.describe(found.node.engineId)
    const what = `Container ${reference} running on unhealthy node ${member.name}`
    throw new FlotillaError('cluster/unhealthy', elsewhere === '' ? what : `${what} (${elsewhere})`, { status: 500 })
  }
  return { member, container: found.item }
}

/** @throws {cluster/unhealthy} status 500, for a container that was on an engine that left discovery */
function checkDeparted(api: Api, reference: string): void {
  const found = api.cluster.departed.find(reference)
  if (found.kind !== 'found') return
  const why = `which has left discovery: docker rm -f takes the container off the list`
  throw new FlotillaError(
    'cluster/unhealthy',
    `Container ${reference} running on unhealthy node ${found.node.name}, ${why}`,
    {
      status: 500,
    },
  )
}

/** For what can only be done on a node that does not answer: nobody has to wait until that shows once more. */
export function checkHealthy(member: Member, what: string): void {
  if (member.isHealthy) return
  throw new FlotillaError('cluster/unhealthy', `${what} unhealthy node ${member.name}`, { status: 500 })
}

/** Some engine that answers. @throws {cluster/unhealthy} */
export function anyHealthy(api: Api): Member {
  const [first] = api.cluster.healthyMembers()
  if (first !== undefined) return first
  throw new FlotillaError('cluster/unhealthy', 'No healthy node available in the cluster', { status: 500 })
}
