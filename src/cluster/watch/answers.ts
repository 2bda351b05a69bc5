import { failHealth, goodHealth, probeDelayMs, refreshDelayMs } from './health.ts'
import type { Failure, Fetch } from './messages.ts'
import type { Step } from './step.ts'
import { endTrouble, mayReadAgain, noteFailure } from './trouble.ts'

/** The engine answered a call. */
export function succeed(step: Step): void {
  if (step.state.phase !== 'ready') return
  const { health } = step.state.node
  if (health.failures > 0) {
    step.setNode({ health: goodHealth, errorText: '' })
    if (health.state === 'unhealthy') recover(step, health.failures)
  }
}

/** A read failed although the engine answers. @param isFirst nothing else waits to be read again */
export function complain(step: Step, what: Fetch['what'], text: string, isFirst: boolean): void {
  const { trouble, isNews } = noteFailure(step.state.trouble, what, step.context.nowMs)
  // A probe that is answered badly is no reason to read anything later, and lists that fail together count once.
  const isCounted = isFirst && what !== 'ping'
  step.set({ trouble: isCounted ? trouble : { ...step.state.trouble, toldMs: trouble.toldMs } })
  if (isNews) step.log('warn', `cannot read ${what} of engine ${step.state.node.name}: ${text}`)
}

/** A list has come: once all have, what could not be read before is forgotten. */
export function endReading(step: Step): void {
  if (!step.state.needsRelist && step.isRead()) step.set({ trouble: endTrouble(step.state.trouble) })
}

/** The engine answered a probe: what could not be read before is read again, once per probe. */
export function probed(step: Step): void {
  if (step.state.phase !== 'ready') return
  const { needsRelist, isStreaming, trouble } = step.state
  if (needsRelist && isStreaming && mayReadAgain(trouble, step.context.nowMs)) step.fetchLists()
  step.wake('probe', probeDelayMs(step.state.node.health, step.state.options, step.context))
}

function recover(step: Step, failures: number): void {
  step.log('info', `Engine came back to life after ${String(failures)} retries. Hooray!`)
  step.effects.push({ kind: 'announce', action: 'engine_reconnect' })
  step.set({ isStreaming: false, isRenewing: false, needsRelist: true, trouble: endTrouble(step.state.trouble) })
  // Lists follow when the stream is up.
  step.effects.push({ kind: 'open-events', epoch: step.state.epoch, since: step.state.since })
  step.fetch({ what: 'specs' })
  step.wake('probe', probeDelayMs(goodHealth, step.state.options, step.context))
  // While it was away the pause between two refreshes has grown to hours.
  step.wake('refresh', refreshDelayMs(goodHealth, step.state.options, step.context))
}

/** A call failed. Only failures to reach the engine count against its health. */
export function fail(step: Step, failure: Failure): void {
  if (step.state.phase !== 'ready' || !failure.isConnection) return
  const { health } = step.state.node
  const next = failHealth(health, step.state.options.failureRetry)
  step.setNode({ health: next, errorText: failure.text })
  if (next.state === 'unhealthy' && health.state === 'healthy') {
    step.log('error', `Flagging engine as unhealthy. Connect failed ${String(next.failures)} times`)
    step.effects.push({ kind: 'announce', action: 'engine_disconnect' })
  }
  // The first failure brings the next probe forward; later ones must not push it back.
  if (health.failures === 0 || step.state.tickets.probe === 0) {
    step.wake('probe', probeDelayMs(next, step.state.options, step.context))
  }
}
