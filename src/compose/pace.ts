import type { CallOptions } from '../core/call.ts'
import { callForJson } from '../engine/api/call.ts'
import type { Engine } from '../engine/engine.ts'
import type { Plan, StepOp } from './plan/plan.ts'

/** How many steps at once change containers; absent: as many as calls. */
export interface Pace {
  readonly changing?: number
}

/**
 * The limit, where it is one: the nodes of a fleet have processors of their own, and of fewer steps all may go at once.
 *
 * @param changing what one engine does best at once; undefined when nothing is known of its machine
 */
export async function paceOf(
  plan: Plan,
  changing: number | undefined,
  isCluster: () => Promise<boolean>,
): Promise<Pace> {
  if (changing === undefined || plan.steps.length <= changing || (await isCluster())) return {}
  return { changing }
}

/**
 * What takes processors of the engine's machine for most of its time. A stop does where nobody waits for the program: one
 * that is given time takes as long as the program does.
 */
export function isChange(op: StepOp): boolean {
  if (op.kind === 'stop-container') return op.timeoutSeconds === 0
  return op.kind === 'create-container' || op.kind === 'start-container' || op.kind === 'remove-container'
}

/** Classic Swarm and ours answer with their own name as version. */
export async function isClusterEndpoint(engine: Engine, call: CallOptions): Promise<boolean> {
  const version = await callForJson<{ readonly Version?: string }>(engine, { method: 'GET', path: '/version' }, call)
  return version.Version?.startsWith('swarm/') === true
}
