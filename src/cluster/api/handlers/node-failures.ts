import { joinFailures } from '../../../core/errors.ts'
import type { FlotillaError, NamedFailure } from '../../../core/errors.ts'
import { failureStatus } from '../failure-status.ts'

/**
 * What failed on several nodes as one error: a line for each, in the order of their names whichever was heard of first,
 * with the status all of them share, else 500.
 */
export function joinNodeFailures(failures: readonly NamedFailure[]): FlotillaError {
  const sorted = [...failures].sort((a, b) => (a.name < b.name ? -1 : 1))
  const statuses = new Set(failures.map(({ error }) => failureStatus(error)))
  const [only] = statuses
  return joinFailures('engine/server', sorted, { status: statuses.size === 1 && only !== undefined ? only : 500 })
}
