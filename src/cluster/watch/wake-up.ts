import { refreshDelayMs } from './health.ts'
import { startValidation } from './life-cycle.ts'
import type { WakeReason } from './messages.ts'
import type { Step } from './step.ts'
import { renewStream, reopenStream } from './stream.ts'

/** After this long in service the specs (labels, version, resources) are read again with a refresh. */
const specsMaxAgeMs = 5 * 60_000

/** The time asked for by a `wake` effect is over; an older one than the last for its reason changes nothing. */
export function wakeUp(step: Step, reason: WakeReason, ticket: number): void {
  if (step.state.tickets[reason] !== ticket) return
  step.set({ tickets: { ...step.state.tickets, [reason]: 0 } })
  switch (reason) {
    case 'validate':
      return startValidation(step)
    case 'probe':
      return step.fetch({ what: 'ping', isPatient: step.state.node.health.state !== 'healthy' })
    case 'events':
      return reopenStream(step)
    case 'refresh':
      return refresh(step)
    case 'reads':
      return step.beginReads()
    case 'silence':
      return renewStream(step)
    case 'specs':
      return step.fetch({ what: 'specs' })
  }
}

function refresh(step: Step): void {
  const { health } = step.state.node
  step.wake('refresh', refreshDelayMs(health, step.state.options, step.context))
  // An engine that does not answer is only probed; it is read again when it comes back.
  if (health.state !== 'healthy') return
  // Either way: a clock that was set back must not keep specs for as long as it was ahead.
  if (Math.abs(step.context.nowMs - step.state.specsAtMs) >= specsMaxAgeMs) step.fetch({ what: 'specs' })
  step.fetchLists()
}
