import { isFlotillaError } from '../../core/errors.ts'

/** What a client is answered where a request failed with this; undefined: it was a mistake of ours. */
export function failureStatus(error: unknown): number | undefined {
  if (!isFlotillaError(error)) return undefined
  return error.status ?? (error.code === 'engine/timeout' ? 504 : undefined)
}
