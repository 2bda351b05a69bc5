import type { Clock } from '../core/clock.ts'
import { readCertificate } from '../io/certificates.ts'
import { readTextFile } from '../io/files.ts'
import { DEFAULT_PROGRAM } from './host.ts'
import type { Host } from './host.ts'

const dayMs = 86_400_000
/** A certificate with less than this left is renewed when it is touched, and warned of. */
export const renewBeforeMs: number = 30 * dayMs

/** Whole days a certificate has left when they are few, negative when it has expired; else `undefined`. */
export async function readExpiry(path: string, clock: Clock): Promise<number | undefined> {
  try {
    const text = await readTextFile(path)
    if (text === undefined) return undefined
    const leftMs = readCertificate(text).notAfterMs - clock.nowMs()
    return leftMs < renewBeforeMs ? Math.floor(leftMs / dayMs) : undefined
  } catch {
    // A certificate that cannot be read shows itself when the engine is asked.
    return undefined
  }
}

/** `has expired`, `expires in 12 days`. */
export function renderExpiry(daysLeft: number): string {
  return daysLeft < 0 ? 'has expired' : `expires in ${daysLeft} days`
}

/** A warning about the certificate of a machine's engine, when there is reason for one. */
export async function describeExpiry(
  host: Host,
  clock: Clock,
  program: string = DEFAULT_PROGRAM,
): Promise<string | undefined> {
  const daysLeft = await readExpiry(host.options.AuthOptions.ServerCertPath, clock)
  if (daysLeft === undefined) return undefined
  return `certificate ${renderExpiry(daysLeft)}, renew it with "${program} regenerate-certs ${host.name}"`
}
