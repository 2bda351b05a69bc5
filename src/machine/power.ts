import type { CallOptions } from '../core/call.ts'
import { FlotillaError } from '../core/errors.ts'
import type { Ssh } from '../io/ssh/ssh.ts'
import { checkConnection } from './connection.ts'
import type { Driver, HostState } from './driver.ts'
import type { Host } from './host.ts'
import { waitForSsh } from './provision/detect.ts'
import type { ProvisionContext } from './provision/provision-host.ts'
import { renewEngine } from './renew.ts'
import { waitForSshTarget } from './ssh-target.ts'
import { waitForState } from './wait-for-state.ts'

/** What switching machines on and off needs of the outside world. */
export interface PowerContext extends ProvisionContext {
  readonly machinePath: string
}

const engineWaitMs = 180_000
const rebootWaitMs = 600_000
const pauseMs = 1000

/** docker/machine libmachine/host/host.go: order and texts of start, stop, kill and restart. */
export async function startHost(host: Host, driver: Driver, ctx: PowerContext, o: CallOptions): Promise<void> {
  ctx.log.info(`Starting "${host.name}"...`)
  await refuseState(host, driver, 'Running', o)
  await driver.start(o)
  await waitForState(driver, ctx, o)
  ctx.log.info(`Machine "${host.name}" was started.`)
  await waitForDocker(host, driver, ctx, o)
}

/** Shuts a host down. Resolves when it has stopped. @throws {machine/state} when it has already */
export async function stopHost(host: Host, driver: Driver, ctx: PowerContext, o: CallOptions): Promise<void> {
  ctx.log.info(`Stopping "${host.name}"...`)
  await refuseState(host, driver, 'Stopped', o)
  await driver.stop(o)
  await waitForState(driver, ctx, o, 'Stopped')
  ctx.log.info(`Machine "${host.name}" was stopped.`)
}

/** Cuts a host's power. Resolves when it has stopped. @throws {machine/state} when it has already */
export async function killHost(host: Host, driver: Driver, ctx: PowerContext, o: CallOptions): Promise<void> {
  ctx.log.info(`Killing "${host.name}"...`)
  await refuseState(host, driver, 'Stopped', o)
  await driver.kill(o)
  await waitForState(driver, ctx, o, 'Stopped')
  ctx.log.info(`Machine "${host.name}" was killed.`)
}

/** Restarts a host, or starts one that is stopped. Resolves when its engine answers. */
export async function restartHost(host: Host, driver: Driver, ctx: PowerContext, o: CallOptions): Promise<void> {
  ctx.log.info(`Restarting "${host.name}"...`)
  const state = await driver.state(o)
  if (state === 'Stopped') {
    await startHost(host, driver, ctx, o)
    return
  }
  if (driver.restartCommand !== undefined) {
    await rebootThroughShell(host, driver, driver.restartCommand, ctx, o)
  } else {
    await driver.restart(o)
    await waitForState(driver, ctx, o)
  }
  await waitForDocker(host, driver, ctx, o)
}

async function refuseState(host: Host, driver: Driver, state: HostState, o: CallOptions): Promise<void> {
  if ((await driver.state(o)) !== state) return
  throw new FlotillaError('machine/state', `Machine "${host.name}" is already ${state.toLowerCase()}.`)
}

async function waitForDocker(host: Host, driver: Driver, ctx: PowerContext, o: CallOptions): Promise<void> {
  const target = await waitForSshTarget(driver, ctx.clock, o)
  if (target !== undefined) {
    const ssh = ctx.openSsh({ ...target, knownHostsPath: `${ctx.machinePath}/known_hosts` })
    try {
      await waitForSsh(ssh, ctx.log, ctx.clock, o)
    } finally {
      await ssh.close()
    }
  }
  await renewEngine(host, driver, ctx.machinePath, ctx, o)
  const endMs = ctx.clock.nowMs() + engineWaitMs
  for (;;) {
    try {
      await checkConnection(host, driver, ctx, o)
      return
    } catch (error) {
      if (o.signal?.aborted === true || ctx.clock.nowMs() >= endMs || isCertificateTrouble(error)) throw error
    }
    await ctx.clock.sleep(pauseMs, o.signal)
  }
}

/** Waiting cures an engine that is still starting, not a certificate that is wrong. */
function isCertificateTrouble(error: unknown): boolean {
  return error instanceof Error && /x509:|tls: bad certificate|no such file/.test(error.message)
}

/** A reboot is over when the kernel has another boot id; until then the old system still answers. */
async function rebootThroughShell(
  host: Host,
  driver: Driver,
  command: string,
  ctx: PowerContext,
  o: CallOptions,
): Promise<void> {
  const target = await driver.ssh(o)
  if (target === undefined)
    throw new FlotillaError('machine/driver', `machine "${host.name}" has no shell to restart it`)
  const open = (): Ssh => ctx.openSsh({ ...target, knownHostsPath: `${ctx.machinePath}/known_hosts` })
  const before = await useSsh(open, async (ssh) => {
    const boot = await readBoot(ssh, o)
    const result = await ssh
      .run(`if [ "$(id -u)" = 0 ]; then ${command}; else sudo -n ${command}; fi`, o)
      .catch(() => undefined)
    if (result !== undefined && result.code !== 0 && result.code !== 255) {
      throw new FlotillaError('machine/driver', `cannot restart machine "${host.name}": ${result.stderr.trim()}`)
    }
    return boot
  })
  const endMs = ctx.clock.nowMs() + rebootWaitMs
  for (;;) {
    await ctx.clock.sleep(pauseMs, o.signal)
    const now = await useSsh(open, (ssh) => readBoot(ssh, { ...o, deadlineMs: 15_000 })).catch(() => undefined)
    if (now !== undefined && now !== before) return
    if (ctx.clock.nowMs() >= endMs) {
      throw new FlotillaError(
        'machine/state',
        `machine "${host.name}" has not come back within ${rebootWaitMs / 1000} s`,
      )
    }
  }
}

async function useSsh<T>(open: () => Ssh, body: (ssh: Ssh) => Promise<T>): Promise<T> {
  const ssh = open()
  try {
    return await body(ssh)
  } finally {
    await ssh.close()
  }
}

async function readBoot(ssh: Ssh, o: CallOptions): Promise<string> {
  return (await ssh.run('cat /proc/sys/kernel/random/boot_id', o)).stdout.trim()
}
