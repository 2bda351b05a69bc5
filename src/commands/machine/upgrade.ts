import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { isAddressOnly } from '../../machine/provision/provision-host.ts'
import { upgradeHost } from '../../machine/upgrade-host.ts'
import { forEachMachine } from './each-machine.ts'
import { makePowerContext } from './power.ts'

/** Brings engines up to date. */
export const run: Run = async (ctx, _flags, args) => {
  const power = await makePowerContext(ctx)
  await forEachMachine(ctx, args, async ({ host, driver }, store) => {
    if (await isAddressOnly(driver, { signal: ctx.signal })) {
      throw new FlotillaError(
        'machine/provision',
        `machine "${host.name}" of driver "${host.driverName}" cannot be upgraded: it is only an address`,
      )
    }
    await upgradeHost(host, driver, power(store, host.name), { signal: ctx.signal })
  })
}
