import type { Clock } from '../core/clock.ts'
import { readCertificate } from '../io/certificates.ts'
import { readTextFile } from '../io/files.ts'
import type { Host } from './host.ts'

const dayMs = 86_400_000
const warnDays = 30

/** Days left of the engine's certificate when they are few, negative when it has expired; else `undefined`. */
export async function readExpiry(host: Host, clock: Clock): Promise<number | undefined> {
  try {
    const text = await readTextFile(host.options.AuthOptions.ServerCertPath)
    if (text === undefined) return undefined
    const daysLeft = Math.floor((readCertificate(text).notAfterMs - clock.nowMs()) / dayMs)
    return daysLeft < warnDays ? daysLeft : undefined
  } catch {
    // A certificate that cannot be read shows itself when the engine is asked.
    return undefined
  }
}
