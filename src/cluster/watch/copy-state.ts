import type { Writable } from '../copies.ts'
import type { EngineState } from './state.ts'

/** A copy to be changed; member by member, as `copyNode`. */
export function copyState(state: EngineState): Writable<EngineState> {
  return {
    addr: state.addr,
    phase: state.phase,
    epoch: state.epoch,
    node: state.node,
    mark: state.mark,
    engineLabels: state.engineLabels,
    options: state.options,
    flights: state.flights,
    unread: state.unread,
    tickets: state.tickets,
    lastTicket: state.lastTicket,
    tries: state.tries,
    isStreaming: state.isStreaming,
    heardAtMs: state.heardAtMs,
    isRenewing: state.isRenewing,
    isSuspect: state.isSuspect,
    needsRelist: state.needsRelist,
    trouble: state.trouble,
    specsAtMs: state.specsAtMs,
    since: state.since,
    resumedAt: state.resumedAt,
  }
}
