import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'
import type { Driver, SshTarget } from './driver.ts'

const pauseMs = 3000
const maxWaits = 60

/**
 * Where a machine's shell is. A driver that has to ask somebody may know it only some time after the machine runs.
 *
 * docker/machine libmachine/drivers/utils.go: how long, and the text.
 *
 * @returns undefined when the machine has no shell
 * @throws {machine/driver} with the last error when it is not known after three minutes
 */
export async function waitForSshTarget(driver: Driver, clock: Clock, o: CallOptions): Promise<SshTarget | undefined> {
  for (let wait = 0; ; wait += 1) {
    const found = await lookUp(driver, o)
    if (!('problem' in found)) return found.target
    if (wait >= maxWaits) {
      const text = `Too many retries waiting for SSH to be available.  Last error: ${found.problem}`
      throw new FlotillaError('machine/driver', text, { cause: found.cause })
    }
    await clock.sleep(pauseMs, o.signal)
  }
}

type Found = { readonly target: SshTarget | undefined } | { readonly problem: string; readonly cause: unknown }

async function lookUp(driver: Driver, o: CallOptions): Promise<Found> {
  try {
    const target = await driver.ssh(o)
    if (target?.host === '') return { problem: 'the machine has no address yet', cause: undefined }
    return { target }
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    return { problem: toMessage(error), cause: error }
  }
}

/**
 * Refuses what the ssh program would take for something else: an address that reads as an option, a line break that ends a line
 * of its configuration. Records come from other computers too.
 *
 * @throws {machine/invalid-record}
 */
export function checkSshTarget({ host, user, keyPath = '' }: SshTarget): void {
  const wrong = !/^[^-\s"'`][^\s"'`]*$/.test(host)
    ? `address ${goQuote(host)}`
    : !/^[^-\s"'`][^\s"'`]*$/.test(user)
      ? `user ${goQuote(user)}`
      : /["\n\r\0]/.test(keyPath)
        ? `key ${goQuote(keyPath)}`
        : undefined
  if (wrong !== undefined) throw new FlotillaError('machine/invalid-record', `cannot log in over SSH with ${wrong}`)
}
