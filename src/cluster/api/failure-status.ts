import { isFlotillaError } from '../../core/errors.ts'
import type { FlotillaError } from '../../core/errors.ts'

/** What failures of engines are to a client that has not been told otherwise. */
const ofEngines: Readonly<Record<string, number>> = { 'engine/timeout': 504, 'engine/unreachable': 502 }

/** What a client is answered where a request failed with this; undefined: it was a mistake of ours. */
export function failureStatus(error: unknown): number | undefined {
  if (!isFlotillaError(error)) return undefined
  return error.status ?? ofEngines[error.code]
}

/** Whether an engine that was asked for something and failed like this may have done it, or may yet do it. */
export function isOutcomeUnknown(error: unknown): boolean {
  if (!isFlotillaError(error)) return false
  if (error.code === 'engine/timeout' || error.code === 'core/aborted') return true
  return error.code === 'engine/unreachable' && !isConnectionRefused(error)
}

/** The engine has heard nothing of it. */
export function isConnectionRefused(error: FlotillaError): boolean {
  return error.code === 'engine/unreachable' && /connection refused|no such (?:host|socket)/.test(error.message)
}
