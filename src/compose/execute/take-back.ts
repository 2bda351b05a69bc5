import { toCall } from '../../core/call.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import type { CallOptions } from '../../core/call.ts'
import { inspectContainer } from '../../engine/api/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Plan } from '../plan/plan.ts'
import { planClearing, planRecovery } from '../plan/rollout/recovery.ts'
import type { Progress, Recovery } from '../plan/rollout/recovery.ts'
import type { Rollout, RolloutMember } from '../plan/rollout/rollout.ts'
import { toResource } from '../plan/workspace.ts'
import { toFailure } from './failure.ts'
import type { StepFailure } from './failure.ts'
import { describeRecovery, readLastLines } from './recovery-report.ts'
import type { Outcome } from './recovery-report.ts'

/** How long an engine may take to say that it is there. */
const lookMs = 5000

/** An update that failed, and what takes it back. */
export interface TakeBack extends CallOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly rollouts: readonly Rollout[]
  /** How far it had come. */
  readonly progress: Progress
  readonly failures: readonly StepFailure[]
  /** Carries out a plan to its end. @returns what failed of it; `waived`: of what need not succeed */
  readonly run: (
    plan: Plan,
  ) => Promise<{ readonly failures: readonly StepFailure[]; readonly waived: readonly StepFailure[] }>
}

/**
 * Old containers run again where their successors failed. One that cannot, because its node is gone, say, keeps no other
 * from it.
 *
 * @returns the error of the update, which says what became of each service; what the failed ones said last is its hint
 */
export async function takeBack(given: TakeBack): Promise<FlotillaError> {
  const { engine, rollouts, progress, failures } = given
  const failure = toFailure(failures)
  const trials = failures.map(({ step }) => step).filter((step) => step.trial !== undefined)
  const outputs: string[] = []
  for (const trial of trials) {
    const output = await readLastLines(engine, trial, progress.made, toCall(given))
    if (output !== '') outputs.push(failures.length === 1 ? output : `${trial.resource}: ${output}`)
  }
  const recoveries = planRecovery(rollouts, progress)
  const outcomes = await Promise.all(recoveries.map((recovery) => restore(recovery, given)))
  const onTrial = new Set(trials.map((step) => step.trial?.service))
  const failed = new Set(failures.map(({ step }) => step.group))
  const told = rollouts.flatMap((rollout) => {
    const { service } = rollout
    const outcome = outcomes.find((each) => each.rollout === rollout)
    if (outcome === undefined)
      return onTrial.has(service) ? [{ rollout, restored: [], lost: [], left: [], leftover: [] }] : []
    return onTrial.has(service) || failed.has(service) || outcome.lost.length + outcome.leftover.length > 0
      ? [outcome]
      : []
  })
  const hint = [failure.hint, ...outputs].filter(Boolean).join(failures.length === 1 ? '; ' : '\n')
  return new FlotillaError('compose/execute', `${describeRecovery(told)}${failure.message}`, {
    cause: failure,
    ...(hint !== '' && { hint }),
  })
}

async function restore({ rollout, batches }: Recovery, given: TakeBack): Promise<Outcome> {
  const { rollback } = rollout
  const lost = new Map<RolloutMember, string>()
  const left: RolloutMember[] = []
  const leftover = new Map<RolloutMember, string>()
  /** Of their old containers nothing is known any more. */
  const unseen = new Set<RolloutMember>()
  let isPaused = false
  for (const [index, { plan, members, isOwed }] of batches.entries()) {
    if (isPaused && !isOwed) {
      left.push(...members)
      continue
    }
    if (index > 0 && rollback.delayMs > 0) await given.clock.sleep(rollback.delayMs, given.signal)
    const memberOf = ({ step }: StepFailure): RolloutMember | undefined =>
      members.find(({ name }) => toResource(name) === step.resource)
    const { failures, waived: passed } = await given.run(plan)
    const waived = [...passed]
    for (const failure of failures) {
      const member = memberOf(failure)
      if (member === undefined) continue
      lost.set(member, toReason(failure))
      const isThere = await isInReach(member, given)
      if (!isThere && failure.step.op.kind === 'start-container')
        waived.push(...(await given.run(planClearing(rollout, member, given.progress))).waived)
      isPaused ||= rollback.failureAction === 'pause' && isThere
    }
    for (const failure of waived) {
      const member = memberOf(failure)
      if (member === undefined || failure.step.op.kind !== 'remove-container' || isGone(failure)) continue
      leftover.set(member, toReason(failure))
      if (!(await isInReach(member, given))) unseen.add(member)
    }
  }
  const isBack = (member: RolloutMember): boolean =>
    member.wasAlive && !lost.has(member) && !left.includes(member) && !unseen.has(member)
  const inOrder = (wanted: (member: RolloutMember) => boolean): readonly string[] =>
    rollout.batches
      .flat()
      .filter((member) => batches.some(({ members }) => members.includes(member)) && wanted(member))
      .map(({ name }) => name)
  return {
    rollout,
    restored: inOrder(isBack),
    lost: [...lost].map(([{ name }, reason]) => ({ name, reason })),
    left: inOrder((member) => left.includes(member)),
    leftover: [...leftover].map(([{ name }, reason]) => ({ name, reason })),
  }
}

function isGone({ error }: StepFailure): boolean {
  return isFlotillaError(error) && error.status === 404
}

function toReason(failure: StepFailure): string {
  return toFailure([failure]).message
}

/** An old container of a node that is gone says nothing about how those of other nodes will do. */
async function isInReach({ old }: RolloutMember, { engine, signal }: TakeBack): Promise<boolean> {
  try {
    await inspectContainer(engine, old.id, {}, { deadlineMs: lookMs, ...(signal !== undefined && { signal }) })
    return true
  } catch (error) {
    return isFlotillaError(error) && error.status === 404
  }
}
