import { parseDurationMs } from '../../core/duration.ts'
import { FlotillaError } from '../../core/errors.ts'

const seconds = /^\d+(?:\.\d+)?$/
const date = /^\d{4}-\d{2}-\d{2}/

/**
 * Epoch milliseconds of what clients send for a time: seconds with a fraction, a date as of RFC 3339, or a Go duration back
 * from now.
 *
 * @param name of the parameter, for the message
 * @throws {cluster/invalid-option} status 400
 */
export function parseTimeMs(text: string, name: string, nowMs: number): number {
  if (seconds.test(text)) return Number(text) * 1000
  try {
    const at = date.test(text) ? Date.parse(text) : nowMs - parseDurationMs(text)
    if (!Number.isNaN(at)) return at
  } catch {
    // Worded below.
  }
  throw new FlotillaError('cluster/invalid-option', `invalid value ${JSON.stringify(text)} for ${name}`, {
    status: 400,
  })
}
