import type { CallOptions } from '../../core/call.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Step } from '../plan/plan.ts'
import type { Rollout } from '../plan/rollout/rollout.ts'
import { resolveRef } from './step.ts'

/** What became of the exchanges of one service. */
export interface Outcome {
  readonly rollout: Rollout
  /** Containers that run as before. */
  readonly restored: readonly string[]
  /** Containers that do not, and why. */
  readonly lost: readonly { readonly name: string; readonly reason: string }[]
  /** Containers whose successors stay, because the way back has paused. */
  readonly left: readonly string[]
  /** Containers whose successors are still there, because they could not be removed, and why. */
  readonly leftover: readonly { readonly name: string; readonly reason: string }[]
}

/** The beginning of the error: what became of each service. */
export function describeRecovery(outcomes: readonly Outcome[]): string {
  return outcomes.map((outcome) => `${describeOutcome(outcome)}: `).join('')
}

function describeOutcome({ rollout, restored, lost, left, leftover }: Outcome): string {
  const failures = [
    ...lost.map(({ name, reason }) => `${name} could not be brought back (${reason})`),
    ...leftover.map(({ name, reason }) => `the successor of ${name} could not be removed (${reason})`),
  ]
  const begin = `update of service "${rollout.service}"`
  const isRollingBack = rollout.policy.failureAction === 'rollback'
  if (isRollingBack && failures.length > 0 && restored.length + left.length === 0)
    return `${begin} could not be rolled back: ${failures.join(', ')}`
  const before = restored.length === 0 ? '' : ` (${restored.join(', ')} as before)`
  const paused = left.length === 0 ? '' : `, then paused (${left.join(', ')} not taken back)`
  const missing = failures.map((text) => `, but ${text}`)
  return `${begin} ${isRollingBack ? 'rolled back' : 'paused'}${before}${paused}${missing.join('')}`
}

/** What the container of a step wrote last; empty when that cannot be had. */
export async function readLastLines(
  engine: Engine,
  step: Step,
  made: ReadonlyMap<number, string>,
  o: CallOptions,
): Promise<string> {
  if (!('container' in step.op)) return ''
  try {
    const { containerLogs } = await import('../../engine/api/streams.ts')
    const id = resolveRef(step.op.container, made)
    const chunks: string[] = []
    const deadlineMs = 5000
    for await (const chunk of await containerLogs(engine, id, { tail: 5 }, { ...o, deadlineMs })) {
      chunks.push(chunk.data.toString())
    }
    const text = chunks.join('').trim()
    return text === '' ? '' : `its last output: ${text}`
  } catch {
    // The container may be gone, or its log driver cannot be read: the failure itself is told anyway.
    return ''
  }
}
