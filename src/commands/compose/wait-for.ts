import type { Context } from '../../cli/command.ts'
import { execute } from '../../compose/execute.ts'
import type { Plan } from '../../compose/plan/plan.ts'
import { FlotillaError } from '../../core/errors.ts'
import { joinSignals } from '../../io/join-signals.ts'
import type { Session } from './session.ts'

/**
 * Carries out the waits of `--wait`.
 *
 * @param seconds most they may take together; none, 0 and less: no limit
 * @throws {compose/execute} when the time is over, and for a container that has ended or is unhealthy
 */
export async function waitFor(ctx: Context, session: Session, waits: Plan, seconds = 0): Promise<void> {
  const limit = new AbortController()
  const over = new AbortController()
  if (seconds > 0) {
    ctx.clock.sleep(seconds * 1000, over.signal).then(
      () => limit.abort(),
      () => {},
    )
  }
  try {
    await execute(waits, session.engine, {
      clock: ctx.clock,
      progress: session.progress,
      parallel: session.parallel,
      signal: joinSignals(ctx.signal, limit.signal),
    })
  } catch (error) {
    if (!limit.signal.aborted) throw error
    throw new FlotillaError('compose/execute', `application not healthy after ${seconds}s`, { cause: error })
  } finally {
    over.abort()
  }
}
