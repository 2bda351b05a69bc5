import type { CallOptions } from '../core/call.ts'
import type { Driver } from './driver.ts'
import { toList } from './host.ts'
import type { Host } from './host.ts'
import type { PowerContext } from './power.ts'
import { startHost } from './power.ts'
import type { HostShell } from './provision/host-shell.ts'
import { provisionHost, waitForEngine } from './provision/provision-host.ts'
import { upgradePackages } from './provision/upgrade.ts'

/**
 * Brings a machine's engine up to date and restarts it with the stored options: to the version the record names, else to the
 * newest of the packages that are installed. A machine that is off is started first. An engine that the driver runs itself is
 * restarted, which is all it takes.
 *
 * docker/machine commands/upgrade.go: the texts.
 */
export async function upgradeHost(host: Host, driver: Driver, ctx: PowerContext, o: CallOptions): Promise<void> {
  if ((await driver.state(o)) !== 'Running') await startHost(host, driver, ctx, o)
  const target = await driver.ssh(o)
  ctx.log.info('Upgrading docker...')
  const version = host.options.EngineOptions.EngineVersion
  // With a version in the record, provisioning sees to it.
  const hasPackages = target !== undefined && driver.configureEngine === undefined && (version ?? '') === ''
  if (!hasPackages) ctx.log.info('Restarting docker...')
  const upgrade = async (shell: HostShell, call: CallOptions): Promise<void> => {
    await upgradePackages(shell, toList(host.options.EngineOptions.Env), call)
    ctx.log.info('Restarting docker...')
  }
  await provisionHost(host, driver, ctx.machinePath, { ...ctx, ...(hasPackages && { upgrade }) }, o)
  await waitForEngine(host, driver, ctx, o)
}
