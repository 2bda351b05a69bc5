import { parseBinarySize } from '../../core/bytes.ts'
import type { AccessRole } from './caller.ts'
import { accessRoles, freedoms } from './model.ts'
import type { AccessRules, AccessUser, Freedom, Quota, Tenant } from './model.ts'
import {
  fail,
  parseSpot,
  readKnown,
  readMap,
  readNumberAt,
  readTextAt,
  readTextsAt,
  readWordAt,
} from './yaml-section.ts'
import type { Spot } from './yaml-section.ts'

/**
 * Reads the access file, YAML or JSON. Nothing is guessed: what is not known is refused.
 *
 * @param file how messages name it
 * @throws {cluster/invalid-option} `FILE:LINE: KEY: what is wrong`, for the first thing that is
 */
export function parseAccess(text: string, file: string): AccessRules {
  const whole = parseSpot(text, file)
  const sections = readKnown(whole, ['users', 'tenants', 'anonymous', 'socket', 'allows', 'managers'])
  const tenants = readTenants(sections.get('tenants'))
  const users = readUsers(sections.get('users') ?? fail(whole, 'there are no users'), tenants)
  const anonymous = readPlainRole(sections.get('anonymous'), 'none')
  const socket = readPlainRole(sections.get('socket'), 'admin')
  const managers = sections.get('managers')
  return {
    users,
    tenants,
    ...(anonymous === undefined ? {} : { anonymous }),
    allows: readAllows(sections.get('allows')),
    ...(socket === undefined ? {} : { socket }),
    managers: managers === undefined ? new Set() : readManagers(managers, users),
  }
}

function readUsers(spot: Spot, tenants: ReadonlyMap<string, Tenant>): readonly AccessUser[] {
  const users: AccessUser[] = []
  /** What somebody is known by → who. */
  const known = new Map<string, string>()
  for (const [name, entry] of readMap(spot)) {
    const user = readUser(name, entry, tenants)
    for (const proof of [`certificate ${user.certificate ?? ''}`, `token ${user.tokenHash ?? ''}`]) {
      if (proof.endsWith(' ')) continue
      const other = known.get(proof)
      if (other !== undefined) fail(entry, `has the same ${proof.split(' ')[0] ?? ''} as users.${other}`)
      known.set(proof, name)
    }
    users.push(user)
  }
  return users
}

const userKeys = ['certificate', 'token', 'role', 'expires', 'tenant', 'projects'] as const

function readUser(name: string, spot: Spot, tenants: ReadonlyMap<string, Tenant>): AccessUser {
  if (!isPrintable(name) || name.length > longestName) fail(spot, `a name has 1 to ${longestName} printable characters`)
  const fields = readKnown(spot, userKeys)
  const role = readWordAt(fields.get('role') ?? fail(spot, 'has no role'), accessRoles)
  const certificate = fields.get('certificate')
  const token = fields.get('token')
  if (certificate === undefined && token === undefined) fail(spot, 'has neither a certificate nor a token')
  const expires = fields.get('expires')
  const tenant = readTenantOf(role, spot, fields.get('tenant'), tenants)
  const projects = readProjects(role, spot, fields.get('projects'))
  return {
    name,
    role,
    ...(certificate === undefined ? {} : { certificate: readCommonName(certificate) }),
    ...(token === undefined ? {} : { tokenHash: readTokenHash(token) }),
    ...(expires === undefined ? {} : { expiresAtMs: readTime(expires) }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(projects === undefined ? {} : { projects }),
  }
}

const longestName = 128

function isPrintable(text: string): boolean {
  return text !== '' && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)
}

function readCommonName(spot: Spot): string {
  const text = readTextAt(spot)
  return isPrintable(text) ? text : fail(spot, 'is no common name of a certificate')
}

function readTokenHash(spot: Spot): string {
  // The text itself is not repeated: it may be the token.
  const hash = /^sha256:([0-9a-f]{64})$/.exec(readTextAt(spot))?.[1]
  return hash ?? fail(spot, 'is not of the form sha256: and 64 hexadecimal digits; `swarm access token` makes one')
}

const dateForm = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d))?$/

function readTime(spot: Spot): number {
  const text = readTextAt(spot)
  const timeMs = dateForm.test(text) ? Date.parse(text) : Number.NaN
  // Of days that no month has Date.parse makes others.
  const isReal = !Number.isNaN(timeMs) && !Number.isNaN(Date.parse(text.slice(0, 10))) && isDay(text.slice(0, 10))
  return isReal ? timeMs : fail(spot, `${JSON.stringify(text)} is no time like 2027-01-31 or 2027-01-31T18:00:00Z`)
}

function isDay(text: string): boolean {
  const dayMs = Date.parse(text)
  return !Number.isNaN(dayMs) && new Date(dayMs).toISOString().startsWith(text)
}

function readTenantOf(
  role: AccessRole,
  user: Spot,
  spot: Spot | undefined,
  tenants: ReadonlyMap<string, Tenant>,
): string | undefined {
  if (role !== 'tenant') return spot === undefined ? undefined : fail(spot, 'is only for the role tenant')
  const name = readTextAt(spot ?? fail(user, 'has the role tenant and no tenant'))
  return tenants.has(name) ? name : fail(spot ?? user, `there is no ${JSON.stringify(name)} among the tenants`)
}

function readProjects(role: AccessRole, user: Spot, spot: Spot | undefined): readonly string[] | undefined {
  if (role !== 'deployer') return spot === undefined ? undefined : fail(spot, 'are only for the role deployer')
  const read = readTextsAt(spot ?? fail(user, 'has the role deployer and no projects'))
  if (read.length === 0) fail(spot ?? user, 'are none')
  for (const { text, spot: each } of read) {
    if (!/^[a-z0-9][a-z0-9_-]*$/.test(text)) fail(each, `${JSON.stringify(text)} is no name of a Compose project`)
  }
  return read.map(({ text }) => text)
}

function readTenants(spot: Spot | undefined): ReadonlyMap<string, Tenant> {
  const tenants = new Map<string, Tenant>()
  if (spot === undefined) return tenants
  for (const [name, entry] of readMap(spot)) {
    if (!/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
      fail(entry, 'a tenant is called by 1 to 32 small letters, digits and inner hyphens')
    }
    const fields = readKnown(entry, ['quota', 'allows'])
    const quota = fields.get('quota')
    const allows = fields.get('allows')
    tenants.set(name, {
      name,
      quota: quota === undefined ? {} : readQuota(quota),
      allows: allows === undefined ? new Set() : readFreedoms(allows),
    })
  }
  return tenants
}

/** Keys of the file → fields; those that count whole things. */
const counts = {
  containers: 'containers',
  volumes: 'volumes',
  networks: 'networks',
  ports: 'ports',
  streams: 'streams',
  'calls-per-second': 'callsPerSecond',
  'pulls-per-minute': 'pullsPerMinute',
} as const satisfies Record<string, keyof Quota>

function readQuota(spot: Spot): Quota {
  const fields = readKnown(spot, [...Object.keys(counts), 'cpus', 'memory'])
  const quota: { -readonly [Key in keyof Quota]: Quota[Key] } = {}
  for (const [key, name] of Object.entries(counts)) {
    const entry = fields.get(key)
    if (entry === undefined) continue
    const value = readNumberAt(entry)
    quota[name] = Number.isSafeInteger(value) && value >= 0 ? value : fail(entry, 'is no whole number from 0')
  }
  const cpus = fields.get('cpus')
  if (cpus !== undefined) {
    const value = readNumberAt(cpus)
    quota.cpus = value >= 0 ? value : fail(cpus, 'is below 0')
  }
  const memory = fields.get('memory')
  if (memory !== undefined) quota.memoryBytes = readSize(memory)
  return quota
}

function readSize(spot: Spot): number {
  const isNumber = typeof (spot.node as { readonly value?: unknown }).value === 'number'
  const text = isNumber ? String(readNumberAt(spot)) : readTextAt(spot)
  let bytes = Number.NaN
  try {
    bytes = parseBinarySize(text)
  } catch {
    // Told below, with its place.
  }
  return Number.isSafeInteger(bytes) && bytes >= 0
    ? bytes
    : fail(spot, `${JSON.stringify(text)} is no size like 512m or 8g`)
}

function readFreedoms(spot: Spot): ReadonlySet<Freedom> {
  return new Set(readTextsAt(spot).map(({ spot: each }) => readWordAt(each, freedoms)))
}

function readAllows(spot: Spot | undefined): AccessRules['allows'] {
  const allows = new Map<AccessRole, ReadonlySet<Freedom>>()
  if (spot === undefined) return allows
  for (const [role, entry] of readMap(spot)) {
    if (role === 'admin') fail(entry, 'an admin may do everything')
    if (role === 'tenant') fail(entry, 'each tenant has its own, under tenants.NAME.allows')
    if (role !== 'operator' && role !== 'deployer') fail(entry, 'can be given to operator and deployer only')
    allows.set(role, readFreedoms(entry))
  }
  return allows
}

/** The role of those who have no entry, so that nothing more can be said of them. */
function readPlainRole(spot: Spot | undefined, byDefault: 'admin' | 'none'): AccessRole | undefined {
  const word = spot === undefined ? byDefault : readWordAt(spot, ['none', 'viewer', 'operator', 'admin'] as const)
  return word === 'none' ? undefined : word
}

function readManagers(spot: Spot, users: readonly AccessUser[]): ReadonlySet<string> {
  for (const { text, spot: each } of readTextsAt(spot)) {
    const user = users.find(({ certificate }) => certificate === text)
    if (user !== undefined) fail(each, `${JSON.stringify(text)} is the certificate of users.${user.name} too`)
  }
  return new Set(readTextsAt(spot).map(({ spot: each }) => readCommonName(each)))
}
