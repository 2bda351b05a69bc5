import { isFlotillaError } from '../../core/errors.ts'

/** What a client is answered where a request failed with this; undefined: it was a mistake of ours. */
export function failureStatus(error: unknown): number | undefined {
  if (!isFlotillaError(error)) return undefined
  return error.status ?? ofEngine.get(error.code)
}

/** Of calls that an engine has not answered. */
const ofEngine: ReadonlyMap<string, number> = new Map([
  ['engine/timeout', 504],
  ['engine/unreachable', 502],
])
