import type { CallOptions } from '../../core/call.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Step } from '../plan/plan.ts'
import type { Recovery } from '../plan/rollout/recovery.ts'
import type { Rollout } from '../plan/rollout/rollout.ts'
import { resolveRef } from './step.ts'

/** The beginning of the error: what became of each service whose container failed. */
export function describeRecovery(
  rollouts: readonly Rollout[],
  recovery: Recovery,
  services: ReadonlySet<string | undefined>,
  hasFailed: boolean,
): string {
  const outcomes = rollouts
    .filter(({ service }) => services.has(service))
    .map((rollout) => describeOutcome(rollout, recovery, hasFailed))
  return outcomes.length === 0 ? '' : `${outcomes.join('; ')}: `
}

function describeOutcome(rollout: Rollout, recovery: Recovery, hasFailed: boolean): string {
  const isRolledBack = rollout.policy.failureAction === 'rollback'
  const names = recovery.restored.get(rollout.service) ?? []
  const end = hasFailed
    ? ', and taking it back failed too'
    : names.length === 0
      ? ''
      : ` (${names.join(', ')} as before)`
  return `update of service "${rollout.service}" ${isRolledBack ? 'rolled back' : 'paused'}${end}`
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
