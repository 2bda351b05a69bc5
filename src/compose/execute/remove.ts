import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { startDeadline } from '../../core/deadline.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { removeContainer, waitContainer } from '../../engine/api/containers.ts'
import type { Engine } from '../../engine/engine.ts'

/** Longest wait for a removal that somebody else has begun. */
const removalMs = 60_000

/**
 * Removes a container, running or not. One that the engine is removing already, as it does with `run --rm` when its
 * process ends, is waited for: only then is free what it uses.
 */
export async function removeWhole(
  engine: Engine,
  id: string,
  how: { readonly withVolumes: boolean; readonly clock: Clock },
  o: CallOptions,
): Promise<void> {
  try {
    await removeContainer(engine, id, { force: true, volumes: how.withVolumes }, o)
  } catch (error) {
    if (!isBeingRemoved(error)) throw error
    const deadline = startDeadline(how.clock, { ...o, deadlineMs: removalMs }, () => error as Error)
    try {
      await waitContainer(
        engine,
        id,
        { condition: 'removed' },
        deadline.signal === undefined ? {} : { signal: deadline.signal },
      )
    } finally {
      deadline.release()
    }
  }
}

function isBeingRemoved(error: unknown): boolean {
  return isFlotillaError(error) && error.status === 409 && /already in progress/.test(error.message)
}
