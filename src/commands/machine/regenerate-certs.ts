import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { bootstrapCertificates } from '../../machine/certs.ts'
import { isAddressOnly, provisionHost, waitForEngine } from '../../machine/provision/provision-host.ts'
import { confirm } from './confirm.ts'
import { forEachMachine } from './each-machine.ts'
import { makeProvisionContext } from './provision-context.ts'
import type { regenerateCertsFlags } from './table.ts'

/** Issues new engine certificates and restarts the engines with them. */
export const run: Run<typeof regenerateCertsFlags> = async (ctx, flags, args) => {
  const question = 'Regenerate TLS machine certs?  Warning: this is irreversible. (y/n): '
  if (!flags.force && !(await confirm(ctx, question))) return
  ctx.log.info('Regenerating TLS certificates')
  const provision = await makeProvisionContext(ctx)
  const o = { signal: ctx.signal }
  await forEachMachine(ctx, args, async ({ host, driver }, store) => {
    if (await isAddressOnly(driver, o)) {
      throw new FlotillaError(
        'machine/provision',
        `machine "${host.name}" of driver "${host.driverName}" has no certificates of its own`,
      )
    }
    if (flags['client-certs']) {
      ctx.log.info('Regenerating local certificates')
      await bootstrapCertificates(host.options.AuthOptions, provision, o)
    }
    await provisionHost(host, driver, store.pathOf(host.name), provision, o)
    await waitForEngine(host, driver, provision, o)
  })
}
