import { toCall } from '../../core/call.ts'
import type { CallOptions } from '../../core/call.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import { inspectContainer } from '../../engine/api/containers.ts'
import { listNetworks } from '../../engine/api/networks.ts'
import type { Engine } from '../../engine/engine.ts'
import { findInterrupted, planBringBack } from '../plan/bring-back.ts'
import { findMissing } from '../plan/bring-back-steps.ts'
import type { Ended, Seen } from '../plan/bring-back-steps.ts'
import type { Plan } from '../plan/plan.ts'

/** How long an engine may take to say what is there. */
const lookMs = 5000

/**
 * Plans the way back of what a plan that failed has stopped, from what is there now: an answer may have been lost.
 *
 * @returns a plan of which nothing need succeed
 */
export async function prepareBringBack(
  engine: Engine,
  plan: Plan,
  ended: Ended,
  o: CallOptions & { readonly parallel: number },
): Promise<Plan> {
  const interrupted = findInterrupted(plan, ended)
  const references = interrupted.flatMap(({ old, successor }) =>
    successor === undefined ? [old.id] : [old.id, successor.reference],
  )
  const seen = new Map<string, Seen>()
  const unknown = new Set<string>()
  await mapLimit([...new Set(references)], o.parallel, async (reference) => {
    try {
      const call = { ...toCall(o), deadlineMs: lookMs }
      const {
        Id: id,
        Name: name,
        State: state,
        NetworkSettings: settings,
      } = await inspectContainer(engine, reference, {}, call)
      const networks = Object.keys(settings.Networks ?? {})
      seen.set(reference, { id, name: name.replace(/^\//, ''), state: state.Status, networks })
    } catch (error) {
      if (!isFlotillaError(error) || error.status !== 404) unknown.add(reference)
    }
  })
  const networks = await findNetworks(engine, plan, ended, o)
  return planBringBack(plan, interrupted, ended, { seen, unknown, networks })
}

/** Those that cannot be asked for count as there: what is there is not made twice. */
async function findNetworks(engine: Engine, plan: Plan, ended: Ended, o: CallOptions): Promise<ReadonlySet<string>> {
  const names = findMissing(plan.steps, ended).map(({ op }) => op.body.Name)
  if (names.length === 0) return new Set()
  try {
    const listed = await listNetworks(engine, { filters: { name: names } }, { ...toCall(o), deadlineMs: lookMs })
    return new Set(listed.map(({ Name: name }) => name))
  } catch {
    return new Set(names)
  }
}
