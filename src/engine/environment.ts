import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { FlotillaError } from '../core/errors.ts'
import { readTextFile } from '../io/files.ts'
import { dockerConfigFolder, readDockerConfig } from './docker-config.ts'
import { defaultSocketPath, parseEndpoint } from './endpoint-parse.ts'
import type { Endpoint, TlsMaterial } from './endpoint.ts'
import { isApiVersion } from './version.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The engine that a user's surroundings choose. */
export interface ChosenEngine {
  readonly endpoint: Endpoint
  /** Pinned by `DOCKER_API_VERSION`. */
  readonly apiVersion?: string
  /** Name of the docker context it comes from; absent when `DOCKER_HOST` or nothing chose it. */
  readonly context?: string
  /** `HttpHeaders` of the docker CLI's `config.json`, which it sends with each request; absent: none. */
  readonly headers?: Readonly<Record<string, string>>
  /** Why that file was passed over, for the user to be told. */
  readonly configProblem?: string
}

/** What the command line adds to the environment; each wins over its variable. */
export interface EngineChoice {
  readonly host?: string
  readonly context?: string
  /** Folder of the docker CLI's configuration. */
  readonly configFolder?: string
  /** `--tls` and `--tlsverify`. */
  readonly isTls?: boolean
  readonly isVerified?: boolean
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

/**
 * The endpoint that the docker CLI would use: `DOCKER_HOST` with `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and
 * `DOCKER_CERT_PATH`, else `DOCKER_CONTEXT`, else the current context of `config.json`, else the local socket.
 *
 * @throws {engine/invalid-endpoint} for an address, context or certificate that cannot be used
 */
export async function endpointFromEnvironment(env: Environment, choice: EngineChoice = {}): Promise<ChosenEngine> {
  const configFolder = choice.configFolder ?? dockerConfigFolder(env)
  const apiVersion = take(env, 'DOCKER_API_VERSION')
  if (apiVersion !== undefined && !isApiVersion(apiVersion)) {
    throw new FlotillaError(
      'engine/invalid-endpoint',
      `DOCKER_API_VERSION is ${JSON.stringify(apiVersion)}, not of the form 1.41`,
    )
  }
  const { fields: config, problem } = await readDockerConfig(configFolder)
  const headers = readHeaders(config, join(configFolder, 'config.json'))
  const pinned = {
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(headers === undefined ? {} : { headers }),
    ...(problem === undefined ? {} : { configProblem: problem }),
  }
  const host = choice.host ?? (choice.context === undefined ? take(env, 'DOCKER_HOST') : undefined)
  if (host !== undefined) {
    return { endpoint: await readHost(host, env, choice, configFolder), ...pinned }
  }
  const context = choice.context ?? take(env, 'DOCKER_CONTEXT') ?? readCurrentContext(config)
  if (context === undefined || context === 'default') {
    return { endpoint: { kind: 'unix', path: defaultSocketPath }, ...pinned }
  }
  return { endpoint: await readContext(configFolder, context), context, ...pinned }
}

/** Empty variables count as not set, as for the docker CLI. */
function take(env: Environment, name: string): string | undefined {
  const value = env[name]
  return value === '' ? undefined : value
}

async function readHost(host: string, env: Environment, choice: EngineChoice, configFolder: string): Promise<Endpoint> {
  const plain = parseEndpoint(host)
  const isVerified = choice.isVerified ?? take(env, 'DOCKER_TLS_VERIFY') !== undefined
  const certFolder = take(env, 'DOCKER_CERT_PATH')
  const isTls = isVerified || (choice.isTls ?? (take(env, 'DOCKER_TLS') !== undefined || certFolder !== undefined))
  const isSecure = isTls || /^https:/i.test(host.trim())
  if (plain.kind !== 'tcp' || !isSecure) return plain
  const folder = certFolder ?? configFolder
  const [ca, cert, key] = await Promise.all([
    readOptional(choice.caFile, join(folder, 'ca.pem')),
    readOptional(choice.certFile, join(folder, 'cert.pem')),
    readOptional(choice.keyFile, join(folder, 'key.pem')),
  ])
  if (isVerified && ca === undefined && certFolder !== undefined) {
    throw new FlotillaError('engine/invalid-endpoint', `cannot verify engine "${host}": no ca.pem in "${folder}"`)
  }
  return parseEndpoint(host, toTls({ ca, cert, key }, isVerified || !isTls, host))
}

/** A file that the user named must be there; the usual one may be missing. */
async function readOptional(named: string | undefined, usual: string): Promise<string | undefined> {
  const text = await readTextFile(named ?? usual)
  if (text === undefined && named !== undefined) {
    throw new FlotillaError('engine/invalid-endpoint', `cannot read certificate "${named}": no such file`)
  }
  return text
}

interface PemFiles {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

function toTls({ ca, cert, key }: PemFiles, isVerified: boolean, host: string): TlsMaterial {
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? 'certificate' : 'key'
    throw new FlotillaError('engine/invalid-endpoint', `the client ${missing} for engine "${host}" is missing`)
  }
  return {
    isVerified,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

function readCurrentContext(config: object): string | undefined {
  const name = pick(config, 'currentContext')
  return typeof name === 'string' && name !== '' ? name : undefined
}

const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Of these each request has its own. */
const ownHeaders: ReadonlySet<string> = new Set([
  'user-agent',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
])

/**
 * @param path of the file, for the error
 * @throws {engine/invalid-endpoint} for a header that cannot be sent
 */
function readHeaders(config: object, path: string): ChosenEngine['headers'] | undefined {
  const entries = Object.entries(Object(pick(config, 'HttpHeaders'))).filter(
    ([name]) => !ownHeaders.has(name.toLowerCase()),
  )
  const headers: Record<string, string> = {}
  for (const [name, value] of entries) {
    if (typeof value !== 'string' || !headerName.test(name) || /[^\t\x20-\x7e]/.test(value)) {
      // The value is not repeated: it may be a secret.
      const what = `HttpHeaders of "${path}": ${JSON.stringify(name)} is no header that can be sent`
      throw new FlotillaError('engine/invalid-endpoint', what)
    }
    headers[name] = value
  }
  return entries.length === 0 ? undefined : headers
}

async function readJson(path: string): Promise<object | undefined> {
  const text = await readTextFile(path)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    // The parser quotes what it stumbles over, which may be a password.
    const cause = error instanceof SyntaxError ? undefined : error
    throw new FlotillaError('engine/invalid-endpoint', `cannot read "${path}": it is not JSON`, { cause })
  }
  throw new FlotillaError('engine/invalid-endpoint', `cannot read "${path}": it is not a JSON object`)
}

/** A context of the docker CLI: its store keeps each under the SHA-256 of its name. */
async function readContext(configFolder: string, name: string): Promise<Endpoint> {
  const id = createHash('sha256').update(name).digest('hex')
  const meta = await readJson(join(configFolder, 'contexts', 'meta', id, 'meta.json'))
  if (meta === undefined) {
    throw new FlotillaError('engine/invalid-endpoint', `docker context "${name}" does not exist`)
  }
  const docker = pick(pick(meta, 'Endpoints'), 'docker')
  const host = pick(docker, 'Host')
  if (typeof host !== 'string' || host === '') {
    throw new FlotillaError('engine/invalid-endpoint', `docker context "${name}" names no engine`)
  }
  const folder = join(configFolder, 'contexts', 'tls', id, 'docker')
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((file) => readTextFile(join(folder, file))),
  )
  const isSkipped = pick(docker, 'SkipTLSVerify') === true
  if (ca === undefined && cert === undefined && !isSkipped) return parseEndpoint(host)
  return parseEndpoint(host, toTls({ ca, cert, key }, !isSkipped, host))
}

function pick(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}
