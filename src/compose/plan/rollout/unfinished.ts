import type { Service } from '../../model/service.ts'
import { PREDECESSOR_LABEL } from '../label.ts'
import type { ObservedContainer } from '../observed.ts'
import type { ReconcileOptions } from '../options.ts'

/** A container and why it has to be replaced; no cause: it is as wanted. */
export interface Judged {
  readonly container: ObservedContainer
  readonly cause: string | undefined
}

/** What an exchange that was cut short has left of a service. */
export interface Unfinished {
  readonly pairs: {
    /** ID of the successor → the container it was to replace. */
    readonly bySuccessor: ReadonlyMap<string, { readonly predecessor: ObservedContainer }>
    readonly predecessors: ReadonlySet<string>
  }
  /** Successors that are not what is wanted (any more), or were never started: they go, and their predecessors count. */
  readonly failed: ReadonlySet<string>
  /** IDs of all predecessors, of either kind of successor: what was cut short may have stopped them. */
  readonly begun: ReadonlySet<string>
}

/** The name a replacement has until its predecessor is gone. */
export function toTemporaryName(old: ObservedContainer, name: string): string {
  return `${old.id.slice(0, 12)}_${name}`
}

/** Another one, for a successor that is made while an earlier one has the first. */
export function toOtherTemporaryName(old: ObservedContainer, name: string): string {
  return `${old.id.slice(12, 24)}_${name}`
}

export function isTemporaryName(name: string): boolean {
  return /^[0-9a-f]{12}_/.test(name)
}

/** A successor tells by its temporary name whom it replaces, or by a label where it has a name of its own. */
export function isPredecessor(old: ObservedContainer, successor: ObservedContainer): boolean {
  if (old.id === successor.id) return false
  if (successor.labels[PREDECESSOR_LABEL] === old.id) return true
  const prefix = /^([0-9a-f]{12})_/.exec(successor.name)?.[1]
  const prefixes = [old.id.slice(0, 12), old.id.slice(12, 24)]
  return prefix !== undefined && prefixes.includes(prefix) && old.number === successor.number
}

/**
 * Finds the pairs of an interrupted update: a successor whose predecessor is still there.
 * Only services with `deploy.update_config` are looked at: elsewhere a predecessor has no say any more.
 */
export function findUnfinished(judged: readonly Judged[], service: Service, options: ReconcileOptions): Unfinished {
  const bySuccessor = new Map<string, { readonly predecessor: ObservedContainer }>()
  const predecessors = new Set<string>()
  const failed = new Set<string>()
  const begun = new Set<string>()
  if (service.deploy?.update_config === undefined || !options.start)
    return { pairs: { bySuccessor, predecessors }, failed, begun }
  for (const { container, cause } of judged) {
    const old = judged.find((other) => isPredecessor(other.container, container))
    if (old === undefined) continue
    begun.add(old.container.id)
    // One that was never started has proved nothing: it may lack its files, or the engine have lost hold of it.
    if (cause !== undefined || container.state === 'created') failed.add(container.id)
    else {
      bySuccessor.set(container.id, { predecessor: old.container })
      predecessors.add(old.container.id)
    }
  }
  return { pairs: { bySuccessor, predecessors }, failed, begun }
}
