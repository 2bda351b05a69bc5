import { isFlotillaError } from '../../core/errors.ts'

/** What failures of engines are to a client that has not been told otherwise. */
const ofEngines: Readonly<Record<string, number>> = { 'engine/timeout': 504, 'engine/unreachable': 502 }

/** What a client is answered where a request failed with this; undefined: it was a mistake of ours. */
export function failureStatus(error: unknown): number | undefined {
  if (!isFlotillaError(error)) return undefined
  return error.status ?? ofEngines[error.code]
}
