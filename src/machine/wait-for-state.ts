import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import type { Driver, HostState } from './driver.ts'

const pauseMs = 3000
const maxWaits = 60
/** A cloud may not know a machine that it has just made, or be asked too much: that many failures in a row are no answer. */
const maxFailures = 10

/**
 * docker/machine libmachine/host/host.go: machines are waited for after every change of their state, and a state that cannot
 * be found out counts as another one.
 *
 * @throws {machine/state} when the machine is not in the wanted state within three minutes; what the driver says when it
 * cannot tell its state for half a minute
 */
export async function waitForState(
  driver: Driver,
  ctx: { readonly clock: Clock },
  o: CallOptions,
  wanted: HostState = 'Running',
): Promise<void> {
  let failures = 0
  let seen = ''
  for (let wait = 0; ; wait += 1) {
    try {
      const state = await driver.state(o)
      if (state === wanted) return
      seen = `the machine's state is ${state || 'not known'}`
      failures = 0
    } catch (error) {
      failures += 1
      if (o.signal?.aborted === true || failures >= maxFailures) throw error
      seen = `the machine's state cannot be found out: ${toMessage(error)}`
    }
    if (wait >= maxWaits) {
      throw new FlotillaError('machine/state', `Maximum number of retries (${maxWaits}) exceeded`, { hint: seen })
    }
    await ctx.clock.sleep(pauseMs, o.signal)
  }
}
