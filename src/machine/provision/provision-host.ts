import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { joinHostPort } from '../../io/dial.ts'
import { failpoint } from '../../io/failpoint.ts'
import type { Ssh, SshAddress } from '../../io/ssh/ssh.ts'
import { issueServerCertificate, renewClient } from '../certs.ts'
import type { CertificateContext } from '../certs.ts'
import { checkConnection, parseTcpUrl } from '../connection.ts'
import type { Driver, HostFile } from '../driver.ts'
import type { Host } from '../host.ts'
import { DEFAULT_INSTALL_URL, toList } from '../host.ts'
import { waitForSshTarget } from '../ssh-target.ts'
import { readPem } from '../pem.ts'
import { chooseProvisioner, findProvisioner, readOsRelease, waitForSsh } from './detect.ts'
import { existingEngine } from './existing.ts'
import { openHostShell } from './host-shell.ts'
import type { HostShell } from './host-shell.ts'
import { findEngine } from './install-engine.ts'
import type { OsRelease } from './os-release.ts'
import type { EngineWanted, Provisioner } from './provisioner.ts'
import { hostOptionsDir, renderEngineArgs } from './unit-file.ts'

/** What provisioning needs of the outside world. */
export interface ProvisionContext extends CertificateContext {
  readonly loadProvisioners: () => Promise<readonly Provisioner[]>
  readonly openSsh: (address: SshAddress) => Ssh
  /** What is done to an engine that is there and may be restarted, before it is. */
  readonly upgrade?: EngineWanted['upgrade']
  /** How advice calls this program: `docker-machine` or `flotilla machine`. */
  readonly program?: string
}

/** True for machines that are only an address: there is nothing to provision and no shell. */
export async function isAddressOnly(driver: Driver, o: CallOptions): Promise<boolean> {
  if (driver.configureEngine !== undefined) return false
  try {
    return (await driver.ssh(o)) === undefined
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    // There is a shell, and the driver does not know yet where.
    return false
  }
}

/**
 * Makes the engine of a running machine what its options say: certificates, command line, restart, and
 * proof that it answers over TLS.
 *
 * @param machinePath the machine's folder in the store
 * @returns the folder of the certificates on the host
 * @throws {machine/provision}
 */
export async function provisionHost(
  host: Host,
  driver: Driver,
  machinePath: string,
  ctx: ProvisionContext,
  o: CallOptions,
): Promise<string> {
  if (driver.configureEngine !== undefined) {
    const wanted = await makeSetup(host, driver, machinePath, ctx, o)
    await failpoint('machine.afterCertificates')
    ctx.log.info('Setting Docker configuration on the remote daemon...')
    await driver.configureEngine(wanted.setup, o)
    return hostOptionsDir
  }
  return provisionOverSsh(host, driver, machinePath, ctx, o)
}

async function provisionOverSsh(
  host: Host,
  driver: Driver,
  machinePath: string,
  ctx: ProvisionContext,
  o: CallOptions,
): Promise<string> {
  const target = await waitForSshTarget(driver, ctx.clock, o)
  if (target === undefined) {
    throw new FlotillaError(
      'machine/provision',
      `machine "${host.name}" of driver "${host.driverName}" has no shell to provision it through`,
    )
  }
  ctx.log.info('Detecting operating system of created instance...')
  const ssh = ctx.openSsh({ ...target, knownHostsPath: `${machinePath}/known_hosts` })
  try {
    await waitForSsh(ssh, ctx.log, ctx.clock, o)
    ctx.log.info('Detecting the provisioner...')
    const os = await readOsRelease(ssh, o)
    const shell = await openHostShell(ssh, o)
    const provisioner = await pickProvisioner(os, await ctx.loadProvisioners(), shell, o)
    ctx.log.info(`Provisioning with ${provisioner.name}...`)
    const wanted = await makeSetup(host, driver, machinePath, ctx, o)
    await failpoint('machine.afterCertificates')
    await provisioner.provision({ shell, os, log: ctx.log, clock: ctx.clock }, wanted, o)
    return provisioner.optionsDir ?? hostOptionsDir
  } finally {
    await ssh.close()
  }
}

/** On a system that nobody knows, an engine under systemd is enough to go on. */
async function pickProvisioner(
  os: OsRelease,
  provisioners: readonly Provisioner[],
  shell: HostShell,
  o: CallOptions,
): Promise<Provisioner> {
  if (findProvisioner(os, provisioners) === undefined) {
    const { code } = await shell.run(`test -d /run/systemd/system && ${findEngine}`, o)
    if (code === 0) return existingEngine()
  }
  return chooseProvisioner(os, provisioners)
}

/** Proves that the engine answers over TLS with the stored certificates; it may still be starting. */
export async function waitForEngine(host: Host, driver: Driver, ctx: ProvisionContext, o: CallOptions): Promise<void> {
  ctx.log.info('Checking connection to Docker...')
  const endMs = ctx.clock.nowMs() + 30_000
  for (;;) {
    try {
      await checkConnection(host, driver, ctx, o)
      break
    } catch (error) {
      const isStarting = /connection refused|EOF|reset by peer|i\/o timeout/.test(toMessage(error))
      if (!isStarting || o.signal?.aborted === true || ctx.clock.nowMs() > endMs) throw error
    }
    await ctx.clock.sleep(250, o.signal)
  }
  ctx.log.info('Docker is up and running!')
}

async function makeSetup(
  host: Host,
  driver: Driver,
  machinePath: string,
  ctx: ProvisionContext,
  o: CallOptions,
): Promise<EngineWanted> {
  const { host: address, port } = parseTcpUrl(await findUrl(driver, o))
  await renewClient(host.options.AuthOptions, ctx, o)
  await issueServerCertificate(host, address, machinePath, ctx)
  const { CaCertPath, ServerCertPath, ServerKeyPath } = host.options.AuthOptions
  const files: readonly HostFile[] = [
    { path: `${hostOptionsDir}/ca.pem`, content: await readPem(CaCertPath), mode: 0o644 },
    { path: `${hostOptionsDir}/server.pem`, content: await readPem(ServerCertPath), mode: 0o644 },
    { path: `${hostOptionsDir}/server-key.pem`, content: await readPem(ServerKeyPath), mode: 0o600 },
  ]
  const args = renderEngineArgs(host.options, host.driverName, port)
  const { Env, InstallURL, EngineVersion } = host.options.EngineOptions
  return {
    setup: { args, env: toList(Env), files },
    port,
    version: typeof EngineVersion === 'string' ? EngineVersion : '',
    // The ancestor's default stands for "as this system is best given an engine".
    installUrl: InstallURL === DEFAULT_INSTALL_URL ? '' : InstallURL,
    ...(ctx.upgrade !== undefined && { upgrade: ctx.upgrade }),
  }
}

/** Drivers without an engine yet may not know its address; the port is then the usual one. */
async function findUrl(driver: Driver, o: CallOptions): Promise<string> {
  const url = await driver.engineUrl(o)
  if (url !== '') return url
  return `tcp://${joinHostPort({ host: await driver.address(o), port: 2376 })}`
}
