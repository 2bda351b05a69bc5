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

/** Exchanges that are taken back together. */
export interface RecoveryBatch {
  readonly plan: Plan
  readonly members: readonly RolloutMember[]
  /** They are of the batch that failed: a way back that pauses does not leave them out. */
  readonly isOwed: boolean
}

/** What is taken back of one service after a failure, the last exchange first. */
export interface Recovery {
  readonly rollout: Rollout
  readonly batches: readonly RecoveryBatch[]
}

/**
 * Plans what follows on a failure: every exchange that is under way, and not beyond the removal of its old container, is
 * taken back. Where updates roll back these are all exchanges of the service, else those of the batch that failed.
 * A plan of its own for each batch: whether the next one follows depends on how the old containers do.
 */
export function planRecovery(rollouts: readonly Rollout[], progress: Progress): readonly Recovery[] {
  return rollouts.flatMap((rollout) => {
    const batches = rollout.batches.map((batch) => batch.filter((member) => isUnderWay(member, progress)))
    const last = batches.findLast((batch) => batch.length > 0)
    const members = batches.flat().reverse()
    if (last === undefined) return []
    const size = Math.min(rollout.rollback.parallelism, members.length)
    const parts = Array.from({ length: Math.ceil(members.length / size) }, (_, index) =>
      members.slice(index * size, (index + 1) * size),
    )
    return [
      {
        rollout,
        batches: parts.map((part) => ({
          plan: planRestores(rollout, part, progress),
          members: part,
          isOwed: part.some((member) => last.includes(member)),
        })),
      },
    ]
  })
}

/** Plans the removal of a successor whose old container cannot run again for now: nothing is to run in its place unwatched. */
export function planClearing(rollout: Rollout, member: RolloutMember, progress: Progress): Plan {
  const builder = makePlanBuilder()
  addRemoval(builder, rollout, member, progress, [])
  return builder.build()
}

function isUnderWay(member: RolloutMember, { begun, made }: Progress): boolean {
  if (begun.has(member.remove)) return false
  return member.successor.kind === 'existing' || made.has(member.successor.step)
}

function planRestores(rollout: Rollout, members: readonly RolloutMember[], progress: Progress): Plan {
  const builder = makePlanBuilder()
  for (const member of members) addRestore(builder, rollout, member, progress)
  return builder.build()
}

/** Nothing of it waits for another member, nor ends with its failure: each is brought back that can be. */
function addRestore(builder: PlanBuilder, rollout: Rollout, member: RolloutMember, progress: Progress): void {
  const { rollback, service } = rollout
  const successor = successorOf(member, progress)
  const shared = sharedOf(rollout, member)
  if (!mustStart(member, progress)) remove([stop([])])
  else if (rollback.order === 'stop-first') {
    // The successor is what tells the next `up`, should this be cut short, that the old one was stopped for it.
    const start = startOld([stop([])])
    remove([start])
    watch(start)
  } else remove([stop([watch(startOld([]))])])

  /** That its node is gone keeps the old one, which may be on another, from nothing. */
  function stop(after: readonly number[]): number {
    return builder.add({
      op: { kind: 'stop-container', container: successor },
      ...shared,
      after,
      bestEffort: true,
      words: silent,
    })
  }
  function remove(after: readonly number[]): void {
    addRemoval(builder, rollout, member, progress, after)
  }
  function startOld(after: readonly number[]): number {
    return builder.add({
      op: { kind: 'start-container', container: member.old },
      ...shared,
      after,
      words: { working: 'Starting', done: 'Started' },
    })
  }
  function watch(start: number): number {
    return builder.add({
      op: { kind: 'monitor-container', container: member.old, service, monitorMs: rollback.monitorMs },
      ...shared,
      after: [start],
    })
  }
}

function addRemoval(
  builder: PlanBuilder,
  rollout: Rollout,
  member: RolloutMember,
  progress: Progress,
  after: readonly number[],
): void {
  builder.add({
    op: { kind: 'remove-container', container: successorOf(member, progress), withVolumes: false },
    ...sharedOf(rollout, member),
    after,
    bestEffort: true,
    isErrorShown: true,
    words: { working: 'Removing', done: 'Removed' },
  })
}

function successorOf({ successor, name }: RolloutMember, { made }: Progress): ContainerRef {
  return successor.kind === 'existing' ? successor : { kind: 'existing', id: made.get(successor.step) ?? '', name }
}

function sharedOf({ service }: Rollout, { name }: RolloutMember) {
  return { resource: toResource(name), cause: 'the update failed', group: service, owedFrom: 'start' } as const
}

/** The update, or one before it that was cut short, has stopped the old container of the member. */
function mustStart(member: RolloutMember, { begun }: Progress): boolean {
  if (member.isDown === true) return true
  return member.wasAlive && member.stop !== undefined && begun.has(member.stop)
}
