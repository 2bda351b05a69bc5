import { Buffer } from 'node:buffer'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError } from '../core/errors.ts'
import { execProgram } from '../io/exec.ts'
import { findExecutable } from '../io/find-executable.ts'
import { dockerConfigFolder, readDockerConfig } from './docker-config.ts'

export interface CredentialOptions extends CallOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
}

/** The key under which every tool keeps Docker Hub's credentials. */
const hubKey = 'https://index.docker.io/v1/'

/** A helper that hangs, on a locked key ring for instance, must not hang the command. */
const helperMs = 30_000
/** Characters of what a helper says that are shown. */
const mostSaid = 500

/**
 * What a user is logged in with at the registry of an image, as the docker CLI keeps it: the `credHelpers` and
 * `credsStore` programs of `config.json`, else its `auths`.
 *
 * @returns the value of `X-Registry-Auth`; undefined for a registry the user is not logged in at
 * @throws {engine/unauthorized} when a helper is missing or fails, with what it says of that. No message holds what a
 * helper that succeeded has answered: it may be a password.
 */
export async function readRegistryAuth(reference: string, o: CredentialOptions): Promise<string | undefined> {
  const registry = toRegistry(reference)
  const found = await findCredentials(registry, o)
  return found === undefined ? undefined : encode({ ...found, serveraddress: toKey(registry) })
}

/**
 * User and password at a registry, for a builder that asks by host name. For a token that stands for a login the user
 * is empty.
 *
 * @throws as `readRegistryAuth`
 */
export async function readHostCredentials(
  host: string,
  o: CredentialOptions,
): Promise<{ readonly username: string; readonly secret: string } | undefined> {
  const found = await findCredentials(host === 'registry-1.docker.io' ? 'docker.io' : host, o)
  if (found === undefined) return undefined
  return 'identitytoken' in found
    ? { username: '', secret: found.identitytoken }
    : { username: found.username, secret: found.password }
}

/**
 * Everything the user is logged in with, as the classic builder takes it: it cannot ask.
 *
 * @returns the value of `X-Registry-Config`; undefined for a user who is logged in nowhere
 * @throws as `readRegistryAuth`
 */
export async function readRegistryConfig(o: CredentialOptions): Promise<string | undefined> {
  const config = await readUserConfig(o.env)
  const names = new Set([...Object.keys(fieldsAt(config, 'auths')), ...Object.keys(fieldsAt(config, 'credHelpers'))])
  const all: Record<string, unknown> = {}
  for (const name of names) {
    const key = name === hubKey ? 'docker.io' : toHost(name)
    const found = await findCredentials(key, o)
    if (found !== undefined) all[toKey(key)] = { ...found, serveraddress: toKey(key) }
  }
  return Object.keys(all).length === 0 ? undefined : encode(all)
}

/**
 * The proxies that `config.json` gives containers and builds, as environment variables in both spellings.
 *
 * @param address of the engine; entries of its own come before those of `default`
 */
export async function readProxyVariables(
  address: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Readonly<Record<string, string>>> {
  const config = await readUserConfig(env)
  const all = fieldsAt(config, 'proxies')
  const proxies = Object.hasOwn(all, address) ? fieldsAt(all, address) : fieldsAt(all, 'default')
  const variables: Record<string, string> = {}
  for (const [field, name] of proxyNames) {
    const value = textAt(proxies, field)
    if (value === undefined) continue
    variables[name] = value
    variables[name.toLowerCase()] = value
  }
  return variables
}

/** docker/cli cli/config/configfile: fields of `proxies` and the variables they become. */
const proxyNames: readonly (readonly [string, string])[] = [
  ['httpProxy', 'HTTP_PROXY'],
  ['httpsProxy', 'HTTPS_PROXY'],
  ['noProxy', 'NO_PROXY'],
  ['ftpProxy', 'FTP_PROXY'],
  ['allProxy', 'ALL_PROXY'],
]

/** With padding: engines before 23 refuse the value without it. */
function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}

function toKey(registry: string): string {
  return registry === 'docker.io' ? hubKey : registry
}

async function readUserConfig(env: CredentialOptions['env']): Promise<Fields> {
  return (await readDockerConfig(dockerConfigFolder(env))).fields
}

async function findCredentials(registry: string, o: CredentialOptions): Promise<Credentials | undefined> {
  const config = await readUserConfig(o.env)
  const key = toKey(registry)
  const helpers = fieldsAt(config, 'credHelpers')
  // For Docker Hub the docker CLI looks for the whole key; people write the name as well.
  const helper = textAt(helpers, key) ?? textAt(helpers, registry) ?? textAt(config, 'credsStore')
  return helper === undefined ? readStored(fieldsAt(config, 'auths'), key) : askHelper(helper, key, o)
}

/**
 * Everything the user is logged in at, in the form of a docker `config.json` that needs no helper programs.
 *
 * @throws as `readRegistryAuth`
 */
export async function readAllRegistryAuth(o: CredentialOptions): Promise<string> {
  const config = await readUserConfig(o.env)
  const stored = fieldsAt(config, 'auths')
  const helpers = fieldsAt(config, 'credHelpers')
  const store = textAt(config, 'credsStore')
  const keys = new Set([...Object.keys(stored), ...(store === undefined ? [] : await listHelper(store, o))])
  const auths: Record<string, object> = {}
  for (const key of [...keys].sort()) {
    const found = store === undefined ? readStored(stored, key) : await askHelper(store, key, o)
    if (found !== undefined) auths[key] = toStored(found)
  }
  for (const name of Object.keys(helpers).sort()) {
    const key = toKey(name)
    const found = await askHelper(textAt(helpers, name) ?? '', key, o)
    if (found !== undefined) auths[key] = toStored(found)
  }
  return JSON.stringify({ auths }, undefined, '\t')
}

function toStored(found: Credentials): object {
  if ('identitytoken' in found) return { identitytoken: found.identitytoken }
  return { auth: Buffer.from(`${found.username}:${found.password}`).toString('base64') }
}

/** The registries a helper has credentials for; one that cannot tell has none we know of. */
async function listHelper(helper: string, o: CredentialOptions): Promise<readonly string[]> {
  const path = /^[\w.-]+$/.test(helper) ? await findExecutable(`docker-credential-${helper}`, o.env) : undefined
  if (path === undefined) return []
  const { code, stdout } = await execProgram([path, 'list'], {
    clock: o.clock,
    env: o.env,
    deadlineMs: helperMs,
    ...(o.signal !== undefined && { signal: o.signal }),
  })
  if (code !== 0) return []
  try {
    const answer: unknown = JSON.parse(stdout)
    return isFields(answer) ? Object.keys(answer) : []
  } catch {
    return []
  }
}

/** Host and port of the registry an image comes from: the first part when it looks like a host, else Docker Hub. */
export function toRegistry(reference: string): string {
  const slash = reference.indexOf('/')
  const first = slash === -1 ? '' : reference.slice(0, slash)
  if (first === '' || !(first === 'localhost' || /[.:]/.test(first))) return 'docker.io'
  return first === 'index.docker.io' ? 'docker.io' : first
}

type Fields = Readonly<Record<string, unknown>>

/** Field names are the engine's. */
type Credentials = { readonly username: string; readonly password: string } | { readonly identitytoken: string }

/** Older tools wrote the registry with scheme and path. */
function readStored(auths: Fields, key: string): Credentials | undefined {
  const name = Object.keys(auths).find((entry) => entry === key || toHost(entry) === key)
  if (name === undefined) return undefined
  const entry = fieldsAt(auths, name)
  const token = textAt(entry, 'identitytoken')
  if (token !== undefined) return { identitytoken: token }
  const decoded = Buffer.from(textAt(entry, 'auth') ?? '', 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  // docker/cli cli/config/configfile: zero bytes at the end of a password are dropped.
  if (colon > 0) return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') }
  const [username, password] = [textAt(entry, 'username'), textAt(entry, 'password')]
  return username === undefined || password === undefined ? undefined : { username, password }
}

function toHost(entry: string): string {
  return entry.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}

/** The protocol of docker-credential-helpers: the registry goes in, a JSON object comes out. */
async function askHelper(helper: string, key: string, o: CredentialOptions): Promise<Credentials | undefined> {
  const name = `docker-credential-${helper}`
  const path = /^[\w.-]+$/.test(helper) ? await findExecutable(name, o.env) : undefined
  const failed = (why: string): FlotillaError =>
    new FlotillaError('engine/unauthorized', `cannot get credentials for "${key}" from ${JSON.stringify(name)}: ${why}`)
  if (path === undefined) throw failed('no such program on the PATH')
  const { code, stdout, stderr } = await execProgram([path, 'get'], {
    clock: o.clock,
    env: o.env,
    input: key,
    deadlineMs: helperMs,
    ...(o.signal !== undefined && { signal: o.signal }),
  })
  // Helpers say on standard output that they have nothing.
  if (code !== 0 && /credentials not found/i.test(stdout)) return undefined
  if (code !== 0) throw failed(`it ended with exit code ${code}${toReason(stdout) || toReason(stderr)}`)
  let answer: unknown
  try {
    answer = JSON.parse(stdout)
  } catch {
    throw failed('its answer is not JSON')
  }
  if (!isFields(answer)) throw failed('its answer is not a JSON object')
  const [username, password] = [textAt(answer, 'Username'), textAt(answer, 'Secret')]
  if (username === undefined || password === undefined) return undefined
  return username === '<token>' ? { identitytoken: password } : { username, password }
}

/** By the protocol what a helper that failed has written is why. */
function toReason(said: string): string {
  const line = said
    .replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
    .slice(0, mostSaid)
  return line === '' ? '' : `: ${line}`
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fieldsAt(value: Fields, key: string): Fields {
  const inner = Object.hasOwn(value, key) ? value[key] : undefined
  return isFields(inner) ? inner : {}
}

function textAt(value: Fields, key: string): string | undefined {
  const inner = Object.hasOwn(value, key) ? value[key] : undefined
  return typeof inner === 'string' ? take(inner) : undefined
}

function take(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
