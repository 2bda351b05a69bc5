import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { issueCertificate, makeCa } from '../../io/certificates.ts'
import type { CertificatePair, CertificateWanted } from '../../io/certificates.ts'
import type { LabCertificates } from './types.ts'

/** The lab's own authority; every host's engine and the lab's client have a pair of it. */
export interface LabAuthority {
  readonly pair: CertificatePair
  readonly client: LabCertificates
}

function wanted(commonName: string, clock: Clock): CertificateWanted {
  return { commonName, organization: 'flotilla lab', keyKind: 'ecdsa', nowMs: clock.nowMs(), days: 2 }
}

/** Makes the authority and the client's pair, as files under `directory`. */
export async function makeAuthority(directory: string, clock: Clock): Promise<LabAuthority> {
  const pair = await makeCa(wanted('lab ca', clock))
  const client = await issueCertificate(pair, { ...wanted('client', clock), usages: ['client'], names: [] })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const [name, text] of [
    ['ca.pem', pair.cert],
    ['cert.pem', client.cert],
    ['key.pem', client.key],
  ] as const) {
    await writeFile(join(directory, name), text, { mode: 0o600 })
  }
  return { pair, client: { directory, ca: pair.cert, cert: client.cert, key: client.key } }
}

/** A pair for the engine of one host. */
export async function makeHostPair(
  authority: LabAuthority,
  name: string,
  ip: string,
  clock: Clock,
): Promise<CertificatePair> {
  return issueCertificate(authority.pair, {
    ...wanted(name, clock),
    usages: ['server', 'client'],
    names: [name, 'localhost', ip, '127.0.0.1'],
  })
}
