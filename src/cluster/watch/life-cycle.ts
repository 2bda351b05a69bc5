import { emptyNode } from './blank-node.ts'
import { freshHealth, goodHealth, probeDelayMs, refreshDelayMs, validateDelayMs } from './health.ts'
import type { Step } from './step.ts'
import { noTrouble } from './trouble.ts'

/** How long an engine that the cluster did not let in waits for its next try. */
const rejectedRetryMs = 30_000

/** Begins to read an engine that nothing is under way for. */
export function startValidation(step: Step): void {
  if (step.state.phase !== 'idle') return
  newEpoch(step)
  step.set({ phase: 'specs' })
  step.fetch({ what: 'specs' })
}

/** Specs are in: everything else is read once events flow, so that nothing can slip between. */
export function startLoading(step: Step, engineTimeMs: number): void {
  // Should the stream break before the first event, it is resumed from here.
  const since = engineTimeMs === 0 ? undefined : `${String(Math.trunc(engineTimeMs / 1000))}.000000000`
  step.set({ phase: 'loading', isStreaming: false, since })
  step.effects.push({ kind: 'open-events', epoch: step.state.epoch, since: undefined })
}

/** It could not be read, or not let in: it shows why, and is tried again later. */
export function failValidation(step: Step, text: string, retryMs?: number): void {
  newEpoch(step)
  step.effects.push({ kind: 'close' })
  step.set({ phase: 'idle', tries: step.state.tries + 1, node: { ...emptyNode(step.state.node), errorText: text } })
  step.wake('validate', retryMs ?? validateDelayMs(step.state.tries, step.context))
}

/** The cluster lets an engine in that has been read. */
export function admit(step: Step): void {
  if (step.state.phase !== 'loaded') return
  step.set({ phase: 'ready', tries: 0 })
  step.setNode({ health: goodHealth, errorText: '' })
  step.log('info', `Registered Engine ${step.state.node.name} at ${step.state.addr}`)
  step.effects.push({ kind: 'announce', action: 'engine_connect' })
  step.wake('probe', probeDelayMs(goodHealth, step.state.options, step.context))
  step.wake('refresh', refreshDelayMs(goodHealth, step.state.options, step.context))
}

/** The cluster does not let it in; it shows why. */
export function reject(step: Step, text: string): void {
  if (step.state.phase !== 'loaded') return
  if (text !== step.state.node.errorText) step.log('warn', text)
  failValidation(step, text, rejectedRetryMs)
}

/** Out of service, to be validated anew: it is not the engine it was. */
export function restart(step: Step, text: string): void {
  step.log('error', text)
  if (step.state.phase === 'ready') step.effects.push({ kind: 'announce', action: 'engine_disconnect' })
  failValidation(step, text, 1000)
}

/** Another address of the engine answers while this one does not: this one is a second address from now on. */
export function supersede(step: Step, text: string): void {
  if (step.state.phase !== 'ready') return
  step.log('warn', text)
  failValidation(step, text, rejectedRetryMs)
}

/** Discovery took it out. Nothing follows after this. */
export function remove(step: Step): void {
  const wasReady = step.state.phase === 'ready'
  newEpoch(step)
  step.set({
    phase: 'removed',
    node: { ...emptyNode(step.state.node), pending: [], health: { ...freshHealth, state: 'disconnected' } },
  })
  step.effects.push({ kind: 'close' })
  step.log('info', `Removed Engine ${step.state.node.name || step.state.addr}`)
  if (wasReady) step.effects.push({ kind: 'announce', action: 'engine_disconnect' })
}

function newEpoch(step: Step): void {
  const tickets = { probe: 0, refresh: 0, validate: 0, events: 0, reads: 0, silence: 0, specs: 0 }
  const epoch = step.state.epoch + 1
  const stream = { isStreaming: false, isRenewing: false, since: undefined, resumedAt: undefined }
  const flights = new Map()
  step.set({ epoch, tickets, flights, unread: [], needsRelist: false, trouble: noTrouble, ...stream })
}
