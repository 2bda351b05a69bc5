import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { markComplete, unfinishedStep } from '../../machine/creation.ts'
import { isAddressOnly } from '../../machine/provision/provision-host.ts'
import { provisionWhole } from '../../machine/provision-whole.ts'
import { forEachMachine } from './each-machine.ts'
import { openMachine, programWords } from './open-machine.ts'
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
    if (unfinishedStep(host) === 'driver') {
      throw new FlotillaError('machine/provision', `machine "${host.name}" was not made completely`, {
        hint: `"${programWords(ctx)} create --resume ${host.name}" goes on, "${programWords(ctx)} rm ${host.name}" removes it`,
      })
    }
    const whole = { ...provision, store, openMachine: (name: string) => openMachine(ctx, store, name) }
    await provisionWhole(host, driver, whole, o)
    return unfinishedStep(host) === undefined ? undefined : markComplete(host)
  })
}
