import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError } from '../core/errors.ts'
import type { Driver } from './driver.ts'

const pauseMs = 3000
const maxWaits = 60

/** @throws {machine/state} when the machine does not come up within three minutes */
export async function waitForState(driver: Driver, ctx: { readonly clock: Clock }, o: CallOptions): Promise<void> {
  for (let wait = 0; (await driver.state(o)) !== 'Running'; wait += 1) {
    if (wait >= maxWaits) {
      throw new FlotillaError('machine/state', `Maximum number of retries (${maxWaits}) exceeded`, {
        hint: `the machine's state is ${(await driver.state(o)) || 'not known'}`,
      })
    }
    await ctx.clock.sleep(pauseMs, o.signal)
  }
}
