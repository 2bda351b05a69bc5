import { FlotillaError, isFlotillaError, toMessage } from '../core/errors.ts'
import type { Driver } from './driver.ts'
import type { Host } from './host.ts'

/** A machine on its way: the record, its driver, and what has been done to it. */
export interface Draft {
  host: Host
  readonly driver: Driver
  /** Completed steps that left something behind, in order. */
  readonly done: string[]
}

/** What a failed creation left, the latest first, and the way to be rid of it. */
export function describeRemains(draft: Draft, program: string): string {
  return `still there: ${[...draft.done].reverse().join(', ')}; "${program} rm ${draft.host.name}" removes it`
}

export function withRemains(error: unknown, draft: Draft, program: string): unknown {
  const hint = describeRemains(draft, program)
  if (!isFlotillaError(error)) return new FlotillaError('machine/driver', toMessage(error), { cause: error, hint })
  const own = error.hint === undefined ? hint : `${error.hint}; ${hint}`
  return new FlotillaError(error.code, error.message, {
    cause: error.cause ?? error,
    hint: own,
    ...(error.exitCode !== undefined && { exitCode: error.exitCode }),
  })
}

export function isCancelled(error: unknown): boolean {
  return isFlotillaError(error) ? error.code === 'core/aborted' : error instanceof Error && error.name === 'AbortError'
}

/** An error of a step of `create`, with docker-machine's prefix; a cancellation stays what it is. */
export function wrapCreate(prefix: string, error: unknown): unknown {
  if (isCancelled(error)) return error
  const { code, hint, exitCode } = isFlotillaError(error)
    ? error
    : { code: 'machine/driver' as const, hint: undefined, exitCode: undefined }
  return new FlotillaError(code, `${prefix}: ${toMessage(error)}`, {
    cause: error,
    ...(hint !== undefined && { hint }),
    ...(exitCode !== undefined && { exitCode }),
  })
}
