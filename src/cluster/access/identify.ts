import { createHash, timingSafeEqual } from 'node:crypto'
import type { Caller } from './caller.ts'
import type { AccessRules, AccessUser } from './model.ts'

/** The certificate of a client, as far as its connection knows. */
export interface ShownCertificate {
  /** Common names of its subject. */
  readonly names: readonly string[]
  /** It has the key of this manager's own certificate. */
  readonly isOwnKey: boolean
  /** Why it does not count: not signed by the authority, out of date; undefined: it counts. */
  readonly problem?: string
}

/** All by which somebody may be known. */
export interface Shown {
  readonly isSocket: boolean
  readonly certificate?: ShownCertificate
  /** The whole `Authorization` header. */
  readonly authorization?: string
  /** Who it is for whom another manager passes the request on, as that one says. */
  readonly vouched?: string
}

export type Identity =
  | { readonly kind: 'known'; readonly caller: Caller; readonly expiresAtMs: number }
  | { readonly kind: 'refused'; readonly status: 401 | 403; readonly why: string }

/** Rules with ways to find users. */
export interface AccessIndex {
  readonly rules: AccessRules
  readonly byName: ReadonlyMap<string, AccessUser>
  readonly byCertificate: ReadonlyMap<string, AccessUser>
  readonly byTokenHash: ReadonlyMap<string, AccessUser>
}

export function indexAccess(rules: AccessRules): AccessIndex {
  const { users } = rules
  return {
    rules,
    byName: new Map(users.map((user) => [user.name, user])),
    byCertificate: new Map(users.flatMap((user) => (user.certificate === undefined ? [] : [[user.certificate, user]]))),
    byTokenHash: new Map(users.flatMap((user) => (user.tokenHash === undefined ? [] : [[user.tokenHash, user]]))),
  }
}

/**
 * Who somebody is. What is shown has to be right: a token or certificate that nobody has is refused, and not taken for
 * nothing. A token counts more than a certificate or a socket, since it comes with each request.
 *
 * @param nowMs epoch milliseconds
 */
export function identify(index: AccessIndex, shown: Shown, nowMs: number): Identity {
  const { certificate } = shown
  if (certificate?.problem !== undefined) return refuse(`your certificate does not count: ${certificate.problem}`)
  const manager = certificate === undefined ? undefined : findManager(index, certificate)
  if (shown.vouched !== undefined) return identifyVouched(index, shown.vouched, manager, nowMs)
  if (shown.authorization !== undefined) return identifyToken(index, shown.authorization, nowMs)
  if (certificate !== undefined) return identifyCertificate(index, certificate, manager, nowMs)
  if (shown.isSocket && index.rules.socket !== undefined) {
    return know({ name: '', how: 'socket', role: index.rules.socket })
  }
  if (index.rules.anonymous !== undefined) return know({ name: '', how: 'unknown', role: index.rules.anonymous })
  return refuse('this endpoint has to know who you are: show a client certificate or send a bearer token')
}

/** SHA-256, lowercase hexadecimal, as the access file has it after `sha256:`. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function identifyToken(index: AccessIndex, authorization: string, nowMs: number): Identity {
  const token = /^bearer +(\S+)$/i.exec(authorization)?.[1]
  if (token === undefined) return refuse('the Authorization header is not of the form "Bearer TOKEN"')
  const hash = hashToken(token)
  const user = index.byTokenHash.get(hash)
  // Hashes are compared, of which nobody can choose the first digits, and once more in constant time.
  const isSame =
    user !== undefined && timingSafeEqual(Buffer.from(user.tokenHash ?? '', 'hex'), Buffer.from(hash, 'hex'))
  return isSame ? knowUser(user, 'token', nowMs) : refuse('nobody has this bearer token')
}

function identifyCertificate(
  index: AccessIndex,
  certificate: ShownCertificate,
  manager: string | undefined,
  nowMs: number,
): Identity {
  const [name, ...more] = certificate.names
  const user = name === undefined || more.length > 0 ? undefined : index.byCertificate.get(name)
  if (user !== undefined) {
    const identity = knowUser(user, 'certificate', nowMs)
    if (manager === undefined || identity.kind === 'refused') return identity
    return { ...identity, caller: { ...identity.caller, isManager: true } }
  }
  if (manager !== undefined) return know({ name: manager, how: 'certificate', role: 'viewer', isManager: true })
  if (name === undefined) return refuse('your certificate has no common name')
  if (more.length > 0) return refuse('your certificate has more than one common name')
  return refuse(`nobody has a certificate with the common name ${JSON.stringify(name)}`)
}

function findManager({ rules }: AccessIndex, { names, isOwnKey }: ShownCertificate): string | undefined {
  const [name, ...more] = names
  if (isOwnKey) return name ?? 'manager'
  return name !== undefined && more.length === 0 && rules.managers?.has(name) === true ? name : undefined
}

/** What another manager found out; it vouches for the name, and what the name may do is looked up here. */
function identifyVouched(index: AccessIndex, vouched: string, manager: string | undefined, nowMs: number): Identity {
  if (manager === undefined) {
    const message =
      'only a manager may say for whom it asks, and your certificate is not one of those under managers in the access file'
    return { kind: 'refused', status: 403, why: message }
  }
  const said = parseVouched(vouched)
  if (said === undefined) return refuse(`manager ${manager} does not say who asks`)
  const { anonymous, socket } = index.rules
  if (said.how === 'socket') {
    return socket === undefined
      ? refuse('unix sockets give no access by the rules of the primary')
      : know({ name: '', how: 'socket', role: socket })
  }
  if (said.how === 'unknown') {
    return anonymous === undefined
      ? refuse('the primary has to know who you are, by its rules')
      : know({ name: '', how: 'unknown', role: anonymous })
  }
  const user = index.byName.get(said.name)
  if (user === undefined) return refuse(`the primary knows no user ${JSON.stringify(said.name)}`)
  return knowUser(user, said.how, nowMs)
}

const ways: readonly Caller['how'][] = ['certificate', 'token', 'socket', 'unknown']

/** The form in which a manager tells the primary who asks: a way and a name, safe for a header. */
export function renderVouched({ how, name }: Caller): string {
  return `${how} ${encodeURIComponent(name)}`
}

function parseVouched(text: string): Pick<Caller, 'how' | 'name'> | undefined {
  const [word = '', name = '', ...more] = text.split(' ')
  const how = ways.find((each) => each === word)
  if (how === undefined || more.length > 0) return undefined
  try {
    return { how, name: decodeURIComponent(name) }
  } catch {
    return undefined
  }
}

function knowUser(user: AccessUser, how: Caller['how'], nowMs: number): Identity {
  const { name, role, tenant, projects, expiresAtMs = Number.POSITIVE_INFINITY } = user
  if (nowMs >= expiresAtMs) return refuse(`the access of ${name} is over since ${new Date(expiresAtMs).toISOString()}`)
  const caller: Caller = {
    name,
    how,
    role,
    ...(tenant === undefined ? {} : { tenant }),
    ...(projects === undefined ? {} : { projects }),
  }
  return { kind: 'known', caller, expiresAtMs }
}

function know(caller: Caller): Identity {
  return { kind: 'known', caller, expiresAtMs: Number.POSITIVE_INFINITY }
}

function refuse(why: string): Identity {
  return { kind: 'refused', status: 401, why }
}
