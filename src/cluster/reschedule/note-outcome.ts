import type { Audit } from '../audit/audit.ts'
import type { ContainerRecord, Home } from './record.ts'
import type { Outcome } from './relocate.ts'

/**
 * Tells the audit log of a move: that a container is on another node now, or why not; the same reason over and over once.
 *
 * @param home where the container is now, undefined when its record is gone
 * @param known why an earlier attempt failed
 */
export function noteOutcome(
  audit: Pick<Audit, 'note'> | undefined,
  record: ContainerRecord,
  outcome: Outcome,
  home: Home | undefined,
  known: string | undefined,
): void {
  if (audit === undefined || outcome.kind === 'abandoned') return
  const kind = record.move?.kind ?? 'failure'
  const what = kind === 'failure' ? 'reschedule' : kind
  const about = { name: record.name, container: record.home.containerId, from: record.home.node }
  if (outcome.kind === 'done') {
    // Its node came back, or it was removed meanwhile: nothing was made.
    if (home === undefined || home.containerId === record.home.containerId) return
    audit.note(what, { ...about, node: home.node, id: home.containerId })
  } else if (!outcome.isPaced && outcome.why !== known) {
    audit.note(what, { ...about, error: outcome.why })
  }
}
