import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { createContainer, inspectContainer } from '../../engine/api/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import { LABEL } from '../plan/label.ts'
import { isTemporaryName } from '../plan/rollout/unfinished.ts'
import { removeWhole } from './remove.ts'

type Created = Awaited<ReturnType<typeof createContainer>>

/** Its body, and how `POST /containers/create` is asked for it. */
export interface Wanted {
  readonly body: Parameters<typeof createContainer>[1]
  readonly query: { readonly name: string; readonly platform?: string }
}

/** An engine that was asked by a run which was cut short may take so long to have the container. */
const lateMs = 10_000
const pauseMs = 200

/**
 * Makes a container.
 *
 * The temporary name of a replacement may be taken by a container that nobody saw when this was planned: an engine goes on
 * with what a run asked for that was cut short since. It was never started and is nobody's, so it goes.
 *
 * @returns its ID, and what the engine warns of
 */
export async function makeContainer(engine: Engine, wanted: Wanted, clock: Clock, o: CallOptions): Promise<Created> {
  const endMs = clock.monotonicMs() + lateMs
  for (;;) {
    try {
      return await createContainer(engine, wanted.body, wanted.query, o)
    } catch (error) {
      const isTaken = isFlotillaError(error) && error.status === 409 && isTemporaryName(wanted.query.name)
      if (!isTaken || clock.monotonicMs() >= endMs || !(await removeLate(engine, wanted, clock, o))) throw error
    }
    await clock.sleep(pauseMs, o.signal)
  }
}

/** @returns false when who has the name is not such a leftover */
async function removeLate(engine: Engine, { body, query }: Wanted, clock: Clock, o: CallOptions): Promise<boolean> {
  try {
    const { Id: id, State: state, Config: config } = await inspectContainer(engine, query.name, {}, o)
    const isSame = [LABEL.project, LABEL.service, LABEL.number].every(
      (label) => config.Labels?.[label] !== undefined && config.Labels[label] === body.Labels?.[label],
    )
    if (!isSame || state.Status !== 'created') return false
    await removeWhole(engine, id, { withVolumes: false, clock }, o)
    return true
  } catch (error) {
    // The name is taken before the container shows.
    if (isFlotillaError(error) && error.status === 404) return true
    throw error
  }
}
