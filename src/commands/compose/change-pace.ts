import { availableParallelism } from 'node:os'
import type { Context } from '../../cli/command.ts'
import { keepBusy } from '../../compose/pace.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import { readProcessorTimes } from '../../io/processors.ts'
import { composeEnv } from './compose-env.ts'

/**
 * How many containers are made, started, ended and removed at once where the engine shares this machine and the user has
 * not said.
 */
export function readChanging(ctx: Context, endpoint: Endpoint): (() => number) | undefined {
  const isHere = endpoint.kind === 'unix' || endpoint.kind === 'npipe'
  const isSaid = ctx.globals.given('parallel') || (composeEnv(ctx)['COMPOSE_PARALLEL_LIMIT'] ?? '') !== ''
  if (!isHere || isSaid) return undefined
  return keepBusy(availableParallelism(), readProcessorTimes, () => ctx.clock.monotonicMs())
}
