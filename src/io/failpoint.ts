import process from 'node:process'
import { FlotillaError } from '../core/errors.ts'
import type { ArmedFailpoint, FailpointName } from '../core/failpoint.ts'
import { systemClock } from './clock.ts'

interface Armed extends ArmedFailpoint {
  hits: number
}

let armed: Map<FailpointName, Armed> | undefined

/** Arms points for the rest of the process; an empty list disarms all. */
export function armFailpoints(points: readonly ArmedFailpoint[]): void {
  armed = points.length === 0 ? undefined : new Map(points.map((point) => [point.name, { ...point, hits: 0 }]))
}

/**
 * A place at which a test can make the program fail. Undefined, at the cost of one comparison, unless something is armed
 * here; else a promise of what `return(…)` says.
 *
 * @throws {internal} what `error(…)` says, through the promise
 */
export function failpoint(name: FailpointName): Promise<unknown> | undefined {
  if (armed === undefined) return undefined
  const point = armed.get(name)
  if (point === undefined) return undefined
  point.hits += 1
  return point.hits < point.fromHit ? undefined : act(point)
}

async function act({ name, action }: Armed): Promise<unknown> {
  switch (action.kind) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      // The signal is on its way: nothing of what follows may happen any more.
      await new Promise(() => undefined)
      return undefined
    case 'panic':
      queueMicrotask(() => {
        throw new FlotillaError('internal', `failpoint ${name}: panic`)
      })
      throw new FlotillaError('internal', `failpoint ${name}: panic`)
    case 'error':
      throw new FlotillaError('internal', action.message || `failpoint ${name}`)
    case 'sleep':
      await systemClock.sleep(action.ms)
      return undefined
    default:
      return action.value
  }
}
