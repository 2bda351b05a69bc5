import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { bootstrapCertificates } from '../../machine/certs.ts'
import { isAddressOnly, provisionHost, waitForEngine } from '../../machine/provision/provision-host.ts'
import { confirm } from './confirm.ts'
import { refreshContext } from './contexts.ts'
import { openDriver, openStore } from './open-machine.ts'
import { forEachMachine } from './each-machine.ts'
import { makeProvisionContext } from './provision-context.ts'
import type { regenerateCertsFlags } from './table.ts'

/** Issues new engine certificates and restarts the engines with them. */
export const run: Run<typeof regenerateCertsFlags> = async (ctx, flags, args) => {
  if (flags['keep-old-ca'] && !flags['rotate-ca']) {
    throw new FlotillaError('machine/usage', '--keep-old-ca goes with --rotate-ca')
  }
  if (flags['rotate-ca']) return rotate(ctx, flags, args)
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

/** Replaces the authority of the whole store. */
async function rotate(
  ctx: Context,
  flags: FlagValues<typeof regenerateCertsFlags>,
  args: readonly string[],
): Promise<void> {
  if (args.length > 0) {
    throw new FlotillaError('machine/usage', '--rotate-ca is about all machines of the store: it takes no names')
  }
  const question = 'Replace the certificate authority? Each engine will be restarted twice. (y/n): '
  if (!flags.force && !(await confirm(ctx, question))) return
  const store = openStore(ctx)
  const { rotateCa } = await import('../../machine/rotate-ca.ts')
  await rotateCa(
    {
      ...(await makeProvisionContext(ctx)),
      store,
      openDriver: (host) => openDriver(ctx, store, host),
      onChanged: (host, driver) => refreshContext(ctx, store, { host, driver }),
    },
    { signal: ctx.signal, keepsOld: flags['keep-old-ca'] },
  )
}
