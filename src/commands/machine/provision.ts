import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { isAddressOnly, provisionHost, waitForEngine } from '../../machine/provision/provision-host.ts'
import { forEachMachine } from './each-machine.ts'
import { makeProvisionContext } from './provision-context.ts'

/** Runs the whole provisioning again with the stored options; also finishes a creation that failed half-way. */
export const run: Run = async (ctx, _flags, args) => {
  const provision = await makeProvisionContext(ctx)
  const o = { signal: ctx.signal }
  await forEachMachine(ctx, args, async ({ host, driver }, store) => {
    if (await isAddressOnly(driver, o)) {
      throw new FlotillaError(
        'machine/provision',
        `machine "${host.name}" of driver "${host.driverName}" cannot be provisioned: it is only an address`,
      )
    }
    await provisionHost(host, driver, store.pathOf(host.name), provision, o)
    await waitForEngine(host, driver, provision, o)
  })
}
