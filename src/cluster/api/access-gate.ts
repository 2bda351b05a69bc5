import { FlotillaError } from '../../core/errors.ts'
import type { Caller } from '../access/caller.ts'
import { findFreedoms, hasInspectedBody } from '../access/freedoms.ts'
import { identify, renderVouched } from '../access/identify.ts'
import type { AccessIndex, Identity, ShownCertificate } from '../access/identify.ts'
import type { Freedom } from '../access/model.ts'
import { isOpenTo } from '../access/routes.ts'
import type { RouteAccess } from '../access/routes.ts'
import { findForeign } from '../access/scope.ts'
import { isFields, readText } from '../wire.ts'
import { giveTurn, parseBody, renderBody } from './body-json.ts'
import { hasFormBody, paramsOf } from './call.ts'
import type { Api, Call } from './call.ts'
import { findExec } from './handlers/exec.ts'
import type { ServerConnection } from './http1/connection.ts'
import type { Exchange } from './http1/exchange.ts'
import { headerOf } from './http1/head.ts'
import { callerHeader, identityHeaders } from './identity-headers.ts'
import { readPublicKey, readShownCertificate } from './presented.ts'

/** The rules in force; another index after they have changed. */
export interface AccessSource {
  readonly index: AccessIndex
}

export interface AccessGateOptions {
  readonly source: AccessSource
  /** Certificate of this manager, PEM: who has its key is a manager. */
  readonly certificate?: string
  /** This manager shows that certificate to other managers, and they look at it. */
  readonly isShown?: boolean
  /** Called for each request that is not let through. */
  onRefused?(cause: 'unknown-caller' | 'forbidden'): void
  /** Epoch milliseconds. */
  nowMs(): number
}

/** What has been found out of a connection: certificates are looked at once, and a header that comes again is known. */
interface Acquaintance {
  readonly certificate: ShownCertificate | undefined
  index: AccessIndex | undefined
  authorization: string | undefined
  vouched: string | undefined
  identity: Identity | undefined
}

const execMs = 10_000

/** Knows who makes a request, and lets pass what they may do: reliability.md §7.2. */
export class AccessGate {
  readonly #o: AccessGateOptions
  readonly #ownKey: string | undefined
  readonly #known = new WeakMap<ServerConnection, Acquaintance>()

  constructor(options: AccessGateOptions) {
    this.#o = options
    this.#ownKey = options.certificate === undefined ? undefined : readPublicKey(options.certificate)
  }

  /** Fills in who makes the request, or answers it. @returns false when it has been answered */
  identify(exchange: Exchange): boolean {
    const identity = this.#identify(exchange)
    if (identity.kind === 'known') {
      exchange.caller = identity.caller
      return true
    }
    this.#o.onRefused?.(identity.status === 401 ? 'unknown-caller' : 'forbidden')
    const asks = identity.status === 401 ? ['WWW-Authenticate', 'Bearer realm="flotilla"'] : []
    exchange.replyError(identity.status, `access denied: ${identity.why}`, asks)
    return false
  }

  #identify(exchange: Exchange): Identity {
    const { index } = this.#o.source
    const { connection, head } = exchange
    const nowMs = this.#o.nowMs()
    let known = this.#known.get(connection)
    if (known === undefined) {
      const certificate = readShownCertificate(connection.socket, this.#ownKey)
      known = { certificate, index: undefined, authorization: undefined, vouched: undefined, identity: undefined }
      this.#known.set(connection, known)
    }
    const authorization = headerOf(head, 'authorization')
    const vouched = headerOf(head, callerHeader)
    const { identity } = known
    if (
      identity?.kind === 'known' &&
      known.index === index &&
      known.authorization === authorization &&
      known.vouched === vouched &&
      nowMs < identity.expiresAtMs
    ) {
      return identity
    }
    const found = identify(
      index,
      {
        isSocket: connection.isLocalSocket,
        ...(known.certificate === undefined ? {} : { certificate: known.certificate }),
        ...(authorization === undefined ? {} : { authorization }),
        ...(vouched === undefined ? {} : { vouched }),
      },
      nowMs,
    )
    Object.assign(known, { index, authorization, vouched, identity: found })
    return found
  }

  /**
   * Runs a call when its caller may make it.
   *
   * @throws {cluster/forbidden} status 403, naming who, what and why not
   */
  admit(api: Api, call: Call, access: RouteAccess, run: (call: Call) => void | Promise<void>): void | Promise<void> {
    const { caller } = call.exchange
    if (caller === undefined) throw this.#refuse(undefined, call, 'nobody knows who asks')
    if (!isOpenTo(access, caller)) throw this.#refuse(caller, call, `the role ${caller.role} does not include it`)
    if (caller.role === 'admin') return run(call)
    if (access.inspects === undefined && (caller.role !== 'deployer' || access.touches === undefined)) return run(call)
    return this.#inspect(api, call, caller, access).then(run)
  }

  async #inspect(api: Api, call: Call, caller: Caller, access: RouteAccess): Promise<Call> {
    const { exchange } = call
    // Engines read such a body as a part of the query, and before it.
    if (hasFormBody(exchange)) throw this.#refuse(caller, call, 'the body is a form, which is not looked into')
    const query = paramsOf(call)
    const { inspects, touches } = access
    const isRead =
      (inspects !== undefined && hasInspectedBody(inspects)) || touches === 'made' || touches === 'attachment'
    const body = isRead && exchange.head.bodyLength !== 0 ? await readChecked(exchange) : undefined
    if (inspects !== undefined) {
      const { directory } = api.cluster
      const allowed = this.#allowed(caller)
      const asked = findFreedoms(inspects, {
        body,
        query,
        networkKind(reference) {
          const found = directory.findNetwork(reference)
          if (found.kind !== 'found') return 'unknown'
          return found.item.driver === 'host' ? 'host' : 'other'
        },
      }).find(({ freedom }) => !allowed.has(freedom))
      if (asked !== undefined) throw this.#refuse(caller, call, `${asked.field} needs the freedom ${asked.freedom}`)
    }
    if (touches === undefined || caller.role !== 'deployer') return call
    const name = touches === 'exec' ? await findExecContainer(api, call) : call.name
    const { directory, departed } = api.cluster
    const around = { directory, departed }
    const foreign = findForeign({ touches, name, query, body }, caller.projects ?? [], around)
    if (foreign !== undefined) throw this.#refuse(caller, call, foreign)
    return pin(api, call, access)
  }

  #refuse(caller: Caller | undefined, call: Call, why: string): FlotillaError {
    this.#o.onRefused?.('forbidden')
    const role = caller === undefined ? '' : ` (${caller.role})`
    const message = `access denied to ${describe(caller)}${role}: ${call.exchange.head.method} ${call.path}: ${why}`
    return new FlotillaError('cluster/forbidden', message, { status: 403 })
  }

  #allowed(caller: Caller): ReadonlySet<Freedom> {
    const { rules } = this.#o.source.index
    const { role, tenant } = caller
    const allowed = role === 'tenant' ? rules.tenants.get(tenant ?? '')?.allows : rules.allows.get(role)
    return allowed ?? new Set()
  }

  /**
   * Header lines under which another manager is told for whom this one asks.
   *
   * @throws {cluster/forbidden} when that manager would have no reason to believe it
   */
  vouch(exchange: Exchange): VouchedLines {
    const { caller } = exchange
    if (caller === undefined) return { lines: '', without: [callerHeader] }
    if (this.#o.isShown === true)
      return { lines: `${callerHeader}: ${renderVouched(caller)}\r\n`, without: identityHeaders }
    // A token is looked at again there, and who shows nothing here is nobody there.
    if (caller.how === 'token' || caller.how === 'unknown') return { lines: '', without: [callerHeader] }
    const why =
      'this manager is a replica and has no certificate to show to the primary: send a token, or ask the primary'
    throw new FlotillaError('cluster/forbidden', `access denied to ${describe(caller)}: ${why}`, { status: 403 })
  }
}

export interface VouchedLines {
  /** Each with its line end. */
  readonly lines: string
  /** Headers of the client that are not passed on, lower case. */
  readonly without: readonly string[]
}

/** The body as an engine will get it: written anew, so that nothing in it is read in two ways. */
async function readChecked(exchange: Exchange): Promise<unknown> {
  const bytes = await exchange.readBody()
  if (bytes.length === 0) return undefined
  const value = await parseBody(bytes, exchange.connection.limits)
  exchange.replaceBody(renderBody(value))
  await giveTurn(bytes)
  return value
}

async function findExecContainer(api: Api, { name }: Call): Promise<string> {
  const member = await findExec(api, name)
  const request = { method: 'GET', path: `/exec/${encodeURIComponent(name)}/json` } as const
  const reply = await member.engine.request(request, { deadlineMs: execMs })
  const told = await reply.json<unknown>()
  const id = isFields(told) ? readText(told, 'ContainerID') : ''
  if (id !== '') return id
  throw new FlotillaError('engine/protocol', `node ${member.name} does not say whose exec ${name} is`, { status: 502 })
}

/** What was looked at is what is acted on, also should its name change hands in between. */
function pin(api: Api, call: Call, { touches }: RouteAccess): Call {
  const { directory } = api.cluster
  if (touches === 'container') {
    const found = directory.findContainer(call.name)
    return found.kind === 'found' ? { ...call, name: found.item.id } : call
  }
  if (touches !== 'network' && touches !== 'attachment') return call
  const found = directory.findNetwork(call.name)
  return found.kind === 'found' && !['bridge', 'none', 'host', 'nat'].includes(found.item.name)
    ? { ...call, name: found.item.id }
    : call
}

function describe(caller: Caller | undefined): string {
  if (caller === undefined || caller.how === 'unknown') return 'a client that does not say who it is'
  if (caller.how === 'socket') return 'a client of the local socket'
  return JSON.stringify(caller.name)
}
