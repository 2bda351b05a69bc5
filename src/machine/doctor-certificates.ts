import { promises as fs } from 'node:fs'
import type { Clock } from '../core/clock.ts'
import { toMessage } from '../core/errors.ts'
import { findCertificateOf, isPairOf, namesHost, readCertificate } from '../io/certificates.ts'
import { readTextFile } from '../io/files.ts'
import { renewBeforeMs } from './expiry.ts'
import type { AuthOptions } from './host.ts'

export type Severity = 'ok' | 'warn' | 'fail'

/** What one check found. */
export interface Finding {
  readonly check: string
  readonly severity: Severity
  readonly detail: string
}

const dayMs = 86_400_000

/**
 * Looks at the certificates of a machine as they lie on this computer. Each kind of trouble has words of its own.
 *
 * @param address how clients reach the engine; empty: not known
 */
export async function checkCertificates(auth: AuthOptions, address: string, clock: Clock): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const ca = await readTextFile(auth.CaCertPath)
  if (ca === undefined) return [fail('certificates', `the certificate of the authority is missing: ${auth.CaCertPath}`)]
  findings.push(...describeDates('authority', ca, clock))
  const pairs = [
    ['client', auth.ClientCertPath, auth.ClientKeyPath],
    ['engine', auth.ServerCertPath, auth.ServerKeyPath],
  ] as const
  for (const [what, certPath, keyPath] of pairs) {
    const [cert, key] = await Promise.all([readTextFile(certPath), readTextFile(keyPath)])
    if (cert === undefined || key === undefined) {
      findings.push(
        fail(
          'certificates',
          `the ${what} ${cert === undefined ? 'certificate' : 'key'} is missing: ${cert === undefined ? certPath : keyPath}`,
        ),
      )
      continue
    }
    findings.push(...describeDates(what, cert, clock), ...describePair(what, { cert, key }, ca))
    if (what === 'engine' && address !== '' && !namesQuietly(cert, address)) {
      findings.push(fail('certificates', `the engine certificate does not name ${address}, where the machine is now`))
    }
  }
  for (const path of [auth.CaPrivateKeyPath, auth.ClientKeyPath, auth.ServerKeyPath])
    findings.push(...(await checkMode(path)))
  return findings.length > 0 ? findings : [{ check: 'certificates', severity: 'ok', detail: 'valid' }]
}

function describeDates(what: string, pem: string, clock: Clock): readonly Finding[] {
  try {
    const { notBeforeMs, notAfterMs } = readCertificate(pem)
    const nowMs = clock.nowMs()
    if (nowMs < notBeforeMs) {
      return [fail('certificates', `the ${what} certificate is not valid yet: the clock of this computer may be wrong`)]
    }
    if (nowMs >= notAfterMs) return [fail('certificates', `the ${what} certificate has expired`)]
    const days = Math.floor((notAfterMs - nowMs) / dayMs)
    if (notAfterMs - nowMs < renewBeforeMs) {
      return [{ check: 'certificates', severity: 'warn', detail: `the ${what} certificate expires in ${days} days` }]
    }
    return []
  } catch (error) {
    return [fail('certificates', `the ${what} certificate: ${toMessage(error)}`)]
  }
}

function describePair(
  what: string,
  pair: { readonly cert: string; readonly key: string },
  ca: string,
): readonly Finding[] {
  if (isPairOf(pair, ca)) return []
  const isOwnKey = fitsKey(pair)
  return [
    fail(
      'certificates',
      isOwnKey
        ? `the ${what} certificate is not of the present authority`
        : `the ${what} certificate and its key do not belong together`,
    ),
  ]
}

function fitsKey(pair: { readonly cert: string; readonly key: string }): boolean {
  try {
    return findCertificateOf(pair.cert, pair.key) !== undefined
  } catch {
    return false
  }
}

function namesQuietly(cert: string, address: string): boolean {
  try {
    return namesHost(cert, address)
  } catch {
    // Its dates have said already that it cannot be read.
    return true
  }
}

async function checkMode(path: string): Promise<readonly Finding[]> {
  if (process.platform === 'win32') return []
  const stat = await fs.stat(path).catch(() => undefined)
  if (stat === undefined || (stat.mode & 0o077) === 0) return []
  const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
  return [fail('keys', `others can read ${path} (mode ${mode}): chmod 600 it`)]
}

function fail(check: string, detail: string): Finding {
  return { check, severity: 'fail', detail }
}
