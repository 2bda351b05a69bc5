import { makePlanBuilder, silent } from '../builder.ts'
import type { PlanBuilder } from '../builder.ts'
import type { ContainerRef, Plan } from '../plan.ts'
import { toResource } from '../workspace.ts'
import type { Rollout, RolloutMember } from './rollout.ts'

/** How far a plan had come when it failed. */
export interface Progress {
  /** Steps that were begun, whether they ended well or not. */
  readonly begun: ReadonlySet<number>
  /** Step → ID of the container it made. */
  readonly made: ReadonlyMap<number, string>
}

/** What is taken back after a failure. */
export interface Recovery {
  readonly plan: Plan
  /** Service → names of its containers whose old ones run again. */
  readonly restored: ReadonlyMap<string, readonly string[]>
}

/**
 * Plans what follows on a failure: every exchange that is under way, and not beyond the removal of its old container, is
 * taken back. Where updates roll back these are all exchanges of the service, else those of the batch that failed.
 */
export function planRecovery(rollouts: readonly Rollout[], progress: Progress): Recovery {
  const builder = makePlanBuilder()
  const restored = new Map<string, readonly string[]>()
  for (const rollout of rollouts) {
    const members = rollout.batches
      .flat()
      .filter((member) => isUnderWay(member, progress))
      .reverse()
    if (members.length === 0) continue
    addRestores(builder, rollout, members, progress)
    restored.set(
      rollout.service,
      members
        .filter(({ wasAlive }) => wasAlive)
        .map(({ name }) => name)
        .reverse(),
    )
  }
  return { plan: builder.build(), restored }
}

function isUnderWay(member: RolloutMember, { begun, made }: Progress): boolean {
  if (begun.has(member.remove)) return false
  return member.successor.kind === 'existing' || made.has(member.successor.step)
}

function addRestores(
  builder: PlanBuilder,
  rollout: Rollout,
  members: readonly RolloutMember[],
  progress: Progress,
): void {
  const { rollback, service } = rollout
  let before: readonly number[] = []
  for (let index = 0; index < members.length; index += Math.min(rollback.parallelism, members.length)) {
    if (index > 0 && rollback.delayMs > 0) {
      const op = { kind: 'delay', ms: rollback.delayMs } as const
      before = [builder.add({ op, resource: `Service ${service}`, cause: 'rollback', after: before, words: silent })]
    }
    before = members
      .slice(index, index + rollback.parallelism)
      .flatMap((member) => addRestore(builder, rollout, member, progress, before))
  }
}

/** @returns the last steps of the restore */
function addRestore(
  builder: PlanBuilder,
  { rollback, service }: Rollout,
  member: RolloutMember,
  progress: Progress,
  before: readonly number[],
): readonly number[] {
  const successor: ContainerRef =
    member.successor.kind === 'existing'
      ? member.successor
      : { kind: 'existing', id: progress.made.get(member.successor.step) ?? '', name: member.name }
  const shared = { resource: toResource(member.name), cause: 'the update failed', group: service }
  const bestEffort = rollback.failureAction === 'continue' ? { bestEffort: true } : {}
  const mustStart = member.wasAlive && member.stop !== undefined && progress.begun.has(member.stop)
  if (!mustStart) return [removeSuccessor(before)]
  if (rollback.order === 'stop-first') {
    const removal = removeSuccessor(before)
    return [startOld([removal])]
  }
  return [removeSuccessor([startOld(before)])]

  function removeSuccessor(after: readonly number[]): number {
    const stop = builder.add({
      op: { kind: 'stop-container', container: successor },
      ...shared,
      after,
      bestEffort: true,
      words: silent,
    })
    return builder.add({
      op: { kind: 'remove-container', container: successor, withVolumes: false },
      ...shared,
      after: [stop],
      words: { working: 'Removing', done: 'Removed' },
    })
  }
  function startOld(after: readonly number[]): number {
    const start = builder.add({
      op: { kind: 'start-container', container: member.old },
      ...shared,
      ...bestEffort,
      after,
      words: { working: 'Starting', done: 'Started' },
    })
    return builder.add({
      op: { kind: 'monitor-container', container: member.old, service, monitorMs: rollback.monitorMs },
      ...shared,
      ...bestEffort,
      after: [start],
    })
  }
}
