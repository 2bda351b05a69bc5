import type { Service } from '../../model/service.ts'
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
  /** Successors that are not what is wanted (any more): they go, and their predecessors count. */
  readonly failed: ReadonlySet<string>
}

/** The name a replacement has until its predecessor is gone. */
export function toTemporaryName(old: ObservedContainer, name: string): string {
  return `${old.id.slice(0, 12)}_${name}`
}

export function isTemporaryName(name: string): boolean {
  return /^[0-9a-f]{12}_/.test(name)
}

/**
 * Finds the pairs of an interrupted update: a successor under its temporary name whose predecessor is still there.
 * Only services with `deploy.update_config` are looked at: elsewhere a predecessor has no say any more.
 */
export function findUnfinished(judged: readonly Judged[], service: Service, options: ReconcileOptions): Unfinished {
  const bySuccessor = new Map<string, { readonly predecessor: ObservedContainer }>()
  const predecessors = new Set<string>()
  const failed = new Set<string>()
  if (service.deploy?.update_config === undefined || !options.start)
    return { pairs: { bySuccessor, predecessors }, failed }
  for (const { container, cause } of judged) {
    const prefix = /^([0-9a-f]{12})_/.exec(container.name)?.[1]
    if (prefix === undefined) continue
    const old = judged.find(
      (other) => other.container.id.startsWith(prefix) && other.container.number === container.number,
    )
    if (old === undefined || old.container.id === container.id) continue
    if (cause !== undefined) failed.add(container.id)
    else {
      bySuccessor.set(container.id, { predecessor: old.container })
      predecessors.add(old.container.id)
    }
  }
  return { pairs: { bySuccessor, predecessors }, failed }
}
