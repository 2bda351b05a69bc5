import { assertNever } from '../../core/errors.ts'
import { unmarked } from '../model.ts'
import type { NodeMark, NodeView, Pending } from '../model.ts'
import { withPending, withoutPending } from '../usage.ts'
import { fail, succeed } from './answers.ts'
import { makeBlankNode } from './blank-node.ts'
import { copyState } from './copy-state.ts'
import type { Flights } from './flights.ts'
import { admit, reject, remove, startValidation, supersede } from './life-cycle.ts'
import type { Effect, Message, StepContext, WakeReason, WatchOptions } from './messages.ts'
import { adopt, assume, forget, mark } from './own-changes.ts'
import { receive } from './receive.ts'
import { Step } from './step.ts'
import { closeStream, openStream, takeEvent } from './stream.ts'
import { noTrouble } from './trouble.ts'
import type { Trouble } from './trouble.ts'
import { wakeUp } from './wake-up.ts'

/**
 * Where an engine stands: `specs` and `loading` read it for the first time, `loaded` waits for the cluster's
 * word, `idle` waits for the next try.
 */
export type Phase = 'idle' | 'specs' | 'loading' | 'loaded' | 'ready' | 'removed'

/** Everything known of one engine. Immutable: `reduce` gives the next one. */
export interface EngineState {
  readonly addr: string
  readonly phase: Phase
  /** Rises whenever what is under way became worthless; answers of an earlier epoch are dropped. */
  readonly epoch: number
  readonly node: NodeView
  readonly mark: NodeMark
  /** As the engine has them, without those of `mark`. */
  readonly engineLabels: ReadonlyMap<string, string>
  readonly options: WatchOptions
  readonly flights: Flights
  /** IDs of containers whose inspect replies are still to be read. */
  readonly unread: readonly string[]
  /** The wake-up each reason waits for; an older one is ignored. 0: none. */
  readonly tickets: Readonly<Record<WakeReason, number>>
  readonly lastTicket: number
  /** Validations that failed in a row. */
  readonly tries: number
  readonly isStreaming: boolean
  /** When the event stream last told something, or was opened. */
  readonly heardAtMs: number
  /** The stream is being opened anew because it was silent; nothing that it may have told can be missing. */
  readonly isRenewing: boolean
  /** The stream was renewed and has not told anything yet: it is not known whether the one before was alive. */
  readonly isSuspect: boolean
  /** A read failed in service: everything is listed again once the engine answers. */
  readonly needsRelist: boolean
  readonly trouble: Trouble
  readonly specsAtMs: number
  /** Engine time of the last event, for resuming the stream. */
  readonly since: string | undefined
  /** `since` when the stream was last resumed: the engine tells what happened at that time once more. */
  readonly resumedAt: string | undefined
}

export interface StepResult {
  readonly state: EngineState
  /** In the order they have to be carried out. */
  readonly effects: readonly Effect[]
}

/** An engine nobody has spoken to yet. */
export function makeEngineState(addr: string, options: WatchOptions): EngineState {
  return {
    addr,
    phase: 'idle',
    epoch: 0,
    node: makeBlankNode(addr),
    mark: unmarked,
    engineLabels: unmarked.labels,
    options,
    flights: new Map(),
    tickets: { probe: 0, refresh: 0, validate: 0, events: 0, reads: 0, silence: 0, specs: 0 },
    heardAtMs: 0,
    isRenewing: false,
    isSuspect: false,
    unread: [],
    lastTicket: 0,
    tries: 0,
    isStreaming: false,
    needsRelist: false,
    trouble: noTrouble,
    specsAtMs: 0,
    since: undefined,
    resumedAt: undefined,
  }
}

/**
 * The engine after one message, and what has to be done about it.
 *
 * Pure. Messages may come in any order and more than once; whatever the order, once all answers are in and no
 * event was lost since the stream opened, the node shows what the engine has.
 */
export function reduce(state: EngineState, message: Message, context: StepContext): StepResult {
  if (state.phase === 'removed') return { state, effects: [] }
  if ('epoch' in message && message.epoch !== state.epoch) return { state, effects: [] }
  // Successful calls are by far the most frequent message and nearly always change nothing.
  if (message.kind === 'called' && message.failure === undefined && state.node.health.failures === 0) {
    return { state, effects: [] }
  }
  const step = new Step(state, context)
  apply(step, message)
  step.finish()
  return { state: step.state, effects: step.effects }
}

function apply(step: Step, message: Message): void {
  switch (message.kind) {
    case 'added':
      return startValidation(step)
    case 'removed':
      return remove(step)
    case 'fetched':
      return receive(step, message.fetch, message.result)
    case 'woke':
      return wakeUp(step, message.reason, message.ticket)
    case 'events-opened':
      return openStream(step)
    case 'events-closed':
      return closeStream(step, message.failure)
    case 'event':
      return takeEvent(step, message.event)
    case 'called':
      return message.failure === undefined ? succeed(step) : fail(step, message.failure)
    case 'created':
      return adopt(step, message.container)
    case 'assumed':
      return assume(step, message.id, message.change)
    case 'forgotten':
      return forget(step, message.id)
    case 'marked':
      return mark(step, message.mark)
    case 'touched':
      return step.readAgain(message.fetch)
    case 'hurried':
      return step.beginReads()
    case 'admitted':
      return admit(step)
    case 'rejected':
      return reject(step, message.text)
    case 'superseded':
      return supersede(step, message.text)
    default:
      assertNever(message)
  }
}

/** The engine with a promised container. */
export function promise(state: EngineState, pending: Pending): EngineState {
  const after = copyState(state)
  after.node = withPending(state.node, pending)
  return after
}

/** The engine without that promise; the same when it has none. */
export function release(state: EngineState, pendingId: string): EngineState {
  const node = withoutPending(state.node, pendingId)
  if (node === state.node) return state
  const after = copyState(state)
  after.node = node
  return after
}
