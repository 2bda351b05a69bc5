import type { Clock, Random } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { DriverContext } from './driver.ts'
import { hostLog } from './host-log.ts'
import type { Store } from './store.ts'

/** What a driver's surroundings are made from. */
export interface DriverSurroundings {
  readonly store: Store
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What a driver of the machine `name` may touch. */
export function toDriverContext(ctx: DriverSurroundings, name: string): DriverContext {
  return {
    machineName: name,
    storePath: ctx.store.root,
    machinePath: ctx.store.pathOf(name),
    log: hostLog(ctx.log, name),
    clock: ctx.clock,
    random: ctx.random,
    env: ctx.env,
  }
}
