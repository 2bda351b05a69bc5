import { promises as fs } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { findCertificateOf, isPairOf, issueCertificate, makeCa, readCertificate } from '../io/certificates.ts'
import type { CertificatePair, KeyKind } from '../io/certificates.ts'
import { makeFolder, pathExists, readTextFile, writeFileAtomic } from '../io/files.ts'
import { withLock } from '../io/lock.ts'
import { readExpiry, renderExpiry, renewBeforeMs } from './expiry.ts'
import type { AuthOptions, Host } from './host.ts'
import { toList } from './host.ts'
import { readPem } from './pem.ts'
import { crossFile } from './rotation-state.ts'

export const caDays = 3650
/** What browsers and auditors accept at most; older stores hold certificates of 1,080 days. */
export const leafDays = 397
const certificateMode = 0o644
const keyMode = 0o600
const bootstrapWaitMs = 60_000

export interface CertificateContext {
  readonly clock: Clock
  readonly log: Log
  /** Who the certificates are made out for: `$USER`. */
  readonly user: string
  /** Absent: like the key that is replaced, else ECDSA. */
  readonly keyKind?: KeyKind
}

/** `$USER`, on Windows `$USERNAME`, else `unknown`, as docker-machine names the owner. */
export function findUser(env: Readonly<Record<string, string | undefined>>): string {
  const user = env['USER'] ?? ''
  if (user !== '') return user
  const name = env['USERNAME'] ?? ''
  return name === '' ? 'unknown' : name
}

/**
 * Makes the store's certificate authority and client pair where they are missing or expired. Several
 * processes at once make one authority: the first does, the others wait for it and use it.
 *
 * docker/machine libmachine/cert/bootstrap.go: when what is made, and the texts.
 *
 * @throws {machine/certificate}
 */
export async function bootstrapCertificates(auth: AuthOptions, ctx: CertificateContext, o: CallOptions): Promise<void> {
  await makeFolder(auth.CertDir, 0o700)
  const lockPath = join(await chooseLockFolder(auth, ctx), '.bootstrap.lock')
  const options = {
    clock: ctx.clock,
    waitMs: bootstrapWaitMs,
    subject: 'the certificate authority',
    ...(o.signal && { signal: o.signal }),
  }
  await withLock(lockPath, options, async () => {
    await bootstrapCa(auth, ctx)
    await bootstrapClient(auth, ctx)
  })
}

/** Beside the key that may have to be made. One that somebody brought along may lie where nothing can be written, or not be here. */
async function chooseLockFolder(auth: AuthOptions, ctx: CertificateContext): Promise<string> {
  const folder = dirname(auth.CaPrivateKeyPath)
  if (folder === auth.CertDir) return folder
  const text = await readTextFile(auth.CaCertPath)
  const isUsable = text !== undefined && readCertificate(text, auth.CaCertPath).notAfterMs > ctx.clock.nowMs()
  return isUsable ? auth.CertDir : folder
}

async function bootstrapCa(auth: AuthOptions, ctx: CertificateContext): Promise<void> {
  const text = await readTextFile(auth.CaCertPath)
  const keyKind = await chooseKeyKind(ctx, auth.CaPrivateKeyPath)
  if (text === undefined) {
    if (await pathExists(auth.CaPrivateKeyPath)) throw keyExists('certificate authority', auth.CaPrivateKeyPath)
  } else if (readCertificate(text, auth.CaCertPath).notAfterMs > ctx.clock.nowMs()) {
    return
  } else {
    ctx.log.info('CA certificate is outdated and needs to be regenerated')
    await fs.rm(auth.CaPrivateKeyPath, { force: true })
  }
  ctx.log.info(`Creating CA: ${auth.CaCertPath}`)
  const wanted = { commonName: `docker-machine CA of ${ctx.user}`, organization: ctx.user, keyKind }
  const pair = await makeCa({ ...wanted, nowMs: ctx.clock.nowMs(), days: caDays })
  await writePair(pair, auth.CaCertPath, auth.CaPrivateKeyPath)
}

async function bootstrapClient(auth: AuthOptions, ctx: CertificateContext): Promise<void> {
  const text = await readTextFile(auth.ClientCertPath)
  if (text === undefined) {
    if (await pathExists(auth.ClientKeyPath)) throw keyExists('client', auth.ClientKeyPath)
  } else if (await isClientGood(text, auth, ctx)) {
    return
  } else {
    ctx.log.info('Client certificate is outdated and needs to be regenerated')
  }
  ctx.log.info(`Creating client certificate: ${auth.ClientCertPath}`)
  // The old pair is replaced only once there is a new one: it may still be good for some days.
  const pair = await issueCertificate(await readCa(auth), {
    commonName: ctx.user,
    // docker-machine wrote this word for every client certificate.
    organization: `${ctx.user}.<bootstrap>`,
    keyKind: await chooseKeyKind(ctx, auth.ClientKeyPath),
    nowMs: ctx.clock.nowMs(),
    days: leafDays,
    usages: ['client'],
    names: [],
  })
  await writePair(pair, auth.ClientCertPath, auth.ClientKeyPath)
}

/** Who once asked for RSA, for an engine or client too old for curves, is not given a curve by a renewal. */
export async function chooseKeyKind(ctx: CertificateContext, oldKeyPath: string): Promise<KeyKind> {
  if (ctx.keyKind !== undefined) return ctx.keyKind
  const old = await readTextFile(oldKeyPath)
  return old?.includes('BEGIN RSA PRIVATE KEY') === true ? 'rsa' : 'ecdsa'
}

function isOwnClient(auth: AuthOptions): boolean {
  return dirname(auth.ClientCertPath) === auth.CertDir
}

/** A pair that the user brought along (`--tls-client-cert`) is his to renew; ours must be signed by the present authority. */
async function isClientGood(text: string, auth: AuthOptions, ctx: CertificateContext): Promise<boolean> {
  if (!isOwnClient(auth)) return true
  if (readCertificate(text, auth.ClientCertPath).notAfterMs < ctx.clock.nowMs() + renewBeforeMs) return false
  const key = await readTextFile(auth.ClientKeyPath)
  const ca = await readTextFile(auth.CaCertPath)
  return key !== undefined && ca !== undefined && isPairOf({ cert: text, key }, ca)
}

/**
 * Replaces a client pair that is about to expire by one of the same authority, which every engine accepts at
 * once. What cannot be replaced (the user's own pair, an authority without its key) is warned of.
 */
export async function renewClient(auth: AuthOptions, ctx: CertificateContext, o: CallOptions): Promise<void> {
  const daysLeft = await readExpiry(auth.ClientCertPath, ctx.clock)
  if (daysLeft === undefined) return
  const warn = (reason: string): void =>
    ctx.log.warn(`client certificate ${auth.ClientCertPath} ${renderExpiry(daysLeft)} and cannot be renewed: ${reason}`)
  if (!isOwnClient(auth)) return warn('it is not one of ours')
  // Making a new authority is for `create`: the engines there are would no longer be trusted.
  const caDaysLeft = await readExpiry(auth.CaCertPath, ctx.clock)
  if (caDaysLeft !== undefined && caDaysLeft < 0) return warn('so has its authority')
  try {
    await bootstrapCertificates(auth, ctx, o)
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    warn(toMessage(error))
  }
}

/** Brings a machine's copies of the client pair up to date. A machine that has no copies gets none. */
export async function refreshCopies(auth: AuthOptions, machinePath: string): Promise<void> {
  const copy = await readTextFile(join(machinePath, 'cert.pem'))
  if (copy !== undefined && copy !== (await readPem(auth.ClientCertPath))) await copyClient(auth, machinePath)
}

/** The key before the certificate, as in `writePair`. */
export async function copyClient(auth: AuthOptions, machinePath: string): Promise<void> {
  await copyFile(auth.CaCertPath, join(machinePath, 'ca.pem'))
  await copyFile(auth.ClientKeyPath, join(machinePath, 'key.pem'))
  await copyFile(auth.ClientCertPath, join(machinePath, 'cert.pem'))
}

/**
 * Issues the certificate of one machine's engine and puts copies of the authority's certificate and the
 * client pair beside it, where `env` and `config` point.
 *
 * @param address how clients reach the engine
 */
export async function issueServerCertificate(
  host: Host,
  address: string,
  machinePath: string,
  ctx: CertificateContext,
): Promise<void> {
  const auth = host.options.AuthOptions
  ctx.log.info('Copying certs to the local machine directory...')
  await copyClient(auth, machinePath)
  const names = [...new Set([...toList(auth.ServerCertSANs), address, 'localhost'].filter((name) => name !== ''))]
  const pair = await issueCertificate(await readCa(auth), {
    commonName: host.name,
    organization: `${ctx.user}.${host.name}`,
    keyKind: await chooseKeyKind(ctx, auth.ServerKeyPath),
    nowMs: ctx.clock.nowMs(),
    days: leafDays,
    // A classic swarm master calls the nodes with its own certificate.
    usages: host.options.SwarmOptions.Master ? ['server', 'client'] : ['server'],
    names,
  })
  // While the authority is being replaced: for clients that know only the old one.
  const cross = isOwnClient(auth) ? await readTextFile(join(auth.CertDir, crossFile)) : undefined
  await writePair({ ...pair, cert: `${pair.cert}${cross ?? ''}` }, auth.ServerCertPath, auth.ServerKeyPath)
}

/**
 * The authority that signs. While one is being replaced the file holds both; the key says which of them.
 *
 * @throws {machine/certificate} naming the missing file
 */
export async function readCa(auth: Pick<AuthOptions, 'CaCertPath' | 'CaPrivateKeyPath'>): Promise<CertificatePair> {
  const pair = await readPair(auth.CaCertPath, auth.CaPrivateKeyPath)
  return { ...pair, cert: findCertificateOf(pair.cert, pair.key, auth.CaPrivateKeyPath) ?? pair.cert }
}

/** @throws {machine/certificate} naming the missing file */
async function readPair(certPath: string, keyPath: string): Promise<CertificatePair> {
  return { cert: await readPem(certPath), key: await readPem(keyPath) }
}

/** The key first: a certificate without its key would look like a finished pair. */
export async function writePair(pair: CertificatePair, certPath: string, keyPath: string): Promise<void> {
  try {
    await writeFileAtomic(keyPath, pair.key, keyMode)
    await writeFileAtomic(certPath, pair.cert, certificateMode)
  } catch (error) {
    throw new FlotillaError('machine/certificate', toMessage(error), { cause: error })
  }
}

async function copyFile(source: string, target: string): Promise<void> {
  const text = await readPem(source)
  const { mode } = await fs.stat(source)
  if (source !== target) await writeFileAtomic(target, text, mode & 0o777)
}

function keyExists(what: string, path: string): FlotillaError {
  return new FlotillaError('machine/certificate', `${what} key already exists`, {
    hint: `its certificate is missing: put it back, or delete ${path} to have a new pair made`,
  })
}
