import { FlotillaError } from '../../core/errors.ts'
import { parseDurationMs } from '../../core/duration.ts'

const stamp = /^\d{4}-\d{2}-\d{2}(?:T\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?)?(?:Z|[+-]\d{2}:\d{2})?$/

/**
 * Reads `--since` and `--until` as the docker client does: a duration back from now, a date or time (local
 * where it names no zone), or epoch seconds.
 *
 * @param name of the flag where the error has to name it: the client does for logs, not for events
 * @returns epoch seconds, with a fraction after a dot
 * @throws {cli/invalid-value}
 */
export function parseLogTime(text: string, nowMs: number, name?: 'since' | 'until'): string {
  if (/^\d+(?:\.\d{1,9})?$/.test(text)) return text
  if (stamp.test(text)) {
    // Half a time is none to JavaScript, and a bare date would be read as UTC.
    const padded = text.replace(/^(\d{4}-\d{2}-\d{2})(?=$|Z|[+-])/, '$1T00:00').replace(/(T\d{2})(?=$|Z|[+-])/, '$1:00')
    const ms = Date.parse(padded)
    if (!Number.isNaN(ms)) return toSeconds(ms)
  }
  try {
    return toSeconds(nowMs - parseDurationMs(text))
  } catch (cause) {
    const where = name === undefined ? '' : `invalid value for "${name}": `
    const message = `${where}failed to parse value as time or duration: "${text}"`
    throw new FlotillaError('cli/invalid-value', message, { cause })
  }
}

function toSeconds(ms: number): string {
  const whole = Math.floor(ms / 1000)
  const nanos = Math.round((ms - whole * 1000) * 1e6)
  return `${whole}.${String(nanos).padStart(9, '0')}`
}
