import type { ContainerState, HealthConfig } from '../../engine/api/types.ts'

/** What engines take where a check does not say how often in a row it may fail. */
const defaultRetries = 3

/** Tells one check from the next. */
export function lastCheckOf({ Health: health }: ContainerState): string {
  return `${health?.Log?.at(-1)?.Start ?? ''} ${health?.FailingStreak ?? 0}`
}

/**
 * True where "unhealthy" says nothing of the container: engines check nothing while one is paused, and call it
 * unhealthy from then on until a check after the pause has passed, or failed often enough.
 *
 * @param before the check that was the last one just after a pause; absent: of a pause nothing is known
 */
export function isDoubtful(state: ContainerState, check: HealthConfig | null | undefined, before?: string): boolean {
  const { Health: health } = state
  if (!state.Running || health?.Status !== 'unhealthy') return false
  if (health.Log?.at(-1)?.ExitCode === 0) return true
  if (before === undefined) return false
  // One that was under way when the pause began has failed for it, most likely.
  return before === lastCheckOf(state) || health.FailingStreak < (check?.Retries || defaultRetries)
}
