import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { toMessage } from '../core/errors.ts'
import { namesHost } from '../io/certificates.ts'
import { readTextFile } from '../io/files.ts'
import { parseTcpUrl } from './connection.ts'
import type { Driver } from './driver.ts'
import { readExpiry, renderExpiry } from './expiry.ts'
import type { Host } from './host.ts'
import { isAddressOnly, provisionHost } from './provision/provision-host.ts'
import type { ProvisionContext } from './provision/provision-host.ts'

/**
 * Gives the engine of a running machine a new certificate when its own is about to expire or does not name
 * the machine's present address. A renewal that fails is warned of: the engine may still be usable.
 */
export async function renewEngine(
  host: Host,
  driver: Driver,
  machinePath: string,
  ctx: ProvisionContext,
  o: CallOptions,
): Promise<void> {
  if (await isAddressOnly(driver, o)) return
  try {
    const reason = await findReason(host, driver, ctx.clock, o)
    if (reason === undefined) return
    ctx.log.info(`Renewing the certificate of "${host.name}": ${reason}`)
    await provisionHost(host, driver, machinePath, ctx, o)
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    ctx.log.warn(`cannot renew the certificate of "${host.name}": ${toMessage(error)}`)
  }
}

async function findReason(host: Host, driver: Driver, clock: Clock, o: CallOptions): Promise<string | undefined> {
  const { ServerCertPath } = host.options.AuthOptions
  const text = await readTextFile(ServerCertPath)
  if (text === undefined) return undefined
  const daysLeft = await readExpiry(ServerCertPath, clock)
  if (daysLeft !== undefined) return `it ${renderExpiry(daysLeft)}`
  const { host: address } = parseTcpUrl(await driver.engineUrl(o))
  return namesHost(text, address) ? undefined : `the machine is now at ${address}`
}
