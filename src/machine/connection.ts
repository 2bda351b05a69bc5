import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { findCertificateOf, readCertificate } from '../io/certificates.ts'
import { dialTls } from '../io/dial.ts'
import type { MutualTls, TcpAddress } from '../io/dial.ts'
import { pathExists } from '../io/files.ts'
import { readPem } from './pem.ts'
import type { Driver } from './driver.ts'
import { DEFAULT_PROGRAM } from './host.ts'
import type { AuthOptions, Host } from './host.ts'

const dialTimeoutMs = 20_000

/** Certificates for talking to a machine's engine. */
export async function readTls(auth: AuthOptions): Promise<MutualTls> {
  const [ca, cert, key] = await Promise.all([
    readPem(auth.CaCertPath),
    readPem(auth.ClientCertPath),
    readPem(auth.ClientKeyPath),
  ])
  return { ca, cert, key }
}

/** Why a connection failed: a file that is no certificate or key is named in place of what TLS has to say of it. */
export async function explainTls(auth: AuthOptions, error: unknown): Promise<string> {
  try {
    const { ca, cert, key } = await readTls(auth)
    readCertificate(ca, auth.CaCertPath)
    readCertificate(cert, auth.ClientCertPath)
    findCertificateOf(cert, key, auth.ClientKeyPath)
  } catch (reason) {
    return toMessage(reason)
  }
  return toMessage(error)
}

/** True for an engine that was taken over as it was and speaks without TLS: the record says so and has no certificates. */
export async function isPlainEngine(host: Host): Promise<boolean> {
  const { EngineOptions: engine, AuthOptions: auth } = host.options
  return host.driverName === 'none' && !engine.TlsVerify && !(await pathExists(auth.CaCertPath))
}

export interface ConnectionContext {
  readonly clock: Clock
  /** How advice calls this program: `docker-machine` or `flotilla machine`. */
  readonly program?: string
  /** Asks for the swarm that the machine is master of instead of its engine. */
  readonly isSwarm?: boolean
}

/**
 * The address of a machine's engine, or of the swarm it is master of, once a TLS connection with the
 * stored certificates has succeeded.
 *
 * docker/machine libmachine/check: what is checked, and the texts.
 */
export async function checkConnection(
  host: Host,
  driver: Driver,
  ctx: ConnectionContext,
  o: CallOptions,
): Promise<string> {
  const { clock, isSwarm = false, program = DEFAULT_PROGRAM } = ctx
  const engineUrl = await driver.engineUrl(o)
  const url = isSwarm ? toSwarmUrl(host, engineUrl) : engineUrl
  const address = parseTcpUrl(url)
  try {
    const tls = await readTls(host.options.AuthOptions)
    await dialTls(address, tls, { ...o, deadlineMs: o.deadlineMs ?? dialTimeoutMs }, clock)
    return url
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    if (isSwarm && (await isEngineGood(host, driver, ctx, o))) {
      throw new FlotillaError(
        'machine/certificate',
        'Connection to Swarm cannot be checked but the certs are valid. Maybe swarm is not started',
        { cause: error },
      )
    }
    const reason = await explainTls(host.options.AuthOptions, error)
    throw new FlotillaError('machine/certificate', describeFailure(url, reason, program), { cause: error })
  }
}

async function isEngineGood(host: Host, driver: Driver, ctx: ConnectionContext, o: CallOptions): Promise<boolean> {
  try {
    await checkConnection(host, driver, { ...ctx, isSwarm: false }, o)
    return true
  } catch {
    return false
  }
}

function describeFailure(url: string, reason: string, program: string): string {
  const hostPort = url.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, '')
  return [
    `Error checking and/or regenerating the certs: There was an error validating certificates for host "${hostPort}": ${reason}`,
    `You can attempt to regenerate them using '${program} regenerate-certs [name]'.`,
    'Be advised that this will trigger a Docker daemon restart which might stop running containers.',
    '',
  ].join('\n')
}

/** The engine's address with the port of the swarm manager that runs beside it. */
export function toSwarmUrl(host: Host, engineUrl: string): string {
  const { SwarmOptions: swarm } = host.options
  if (!swarm.Master) {
    const text = `Error: "${host.name}" is not a swarm master. The --swarm flag is intended for use with swarm masters`
    throw new FlotillaError('machine/usage', text)
  }
  const port = /:(\d+)\/?$/.exec(swarm.Host)?.[1] ?? '3376'
  return engineUrl.replace(/:\d+\/?$/, `:${port}`)
}

/** @throws {machine/state} when the text is no `scheme://host:port` */
export function parseTcpUrl(url: string): TcpAddress {
  const match = /^[a-z]+:\/\/(?:\[([^\]]+)\]|([^:/?#[\]]+))(?::(\d{1,5}))?\/?$/i.exec(url)
  const host = match?.[1] ?? match?.[2]
  if (host === undefined) {
    throw new FlotillaError(
      'machine/state',
      `Error parsing URL: ${JSON.stringify(url)} is not of the form tcp://HOST:PORT`,
    )
  }
  return { host, port: Number(match?.[3] ?? 2376) }
}
