import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { failpoint } from '../../io/failpoint.ts'
import type { HostShell } from './host-shell.ts'
import { detectInit } from './init-system.ts'
import type { InitSystem } from './init-system.ts'
import type { EngineWanted, ProvisionTarget } from './provisioner.ts'
import type { SystemTable } from './system-table.ts'
import { listSettings } from './unit-file.ts'

const listenPollMs = 500
const listenTimeoutMs = 30_000
/** On a host where each look takes seconds, the time alone would be over after two. */
const fewestLooks = 10

/** An engine that is installed, and what is known of its system. */
export interface InstalledEngine {
  /** Absolute path of dockerd on the host. */
  readonly program: string
  readonly table: SystemTable
  /** As `guardEngine` found it. */
  readonly init: InitSystem
}

/**
 * Refuses a host whose own settings would fight with ours, and tells which containers stop. To be done before anything
 * that restarts the engine, and exchanging its packages does.
 *
 * @throws {machine/provision} naming the file
 */
export async function guardEngine(
  target: ProvisionTarget,
  args: readonly string[],
  table: SystemTable,
  o: CallOptions,
): Promise<InitSystem> {
  const { shell, clock } = target
  await refuseConflicts(shell, args, o)
  const init = await detectInit(shell, table, clock, o)
  await init.check(shell, o)
  await warnOfContainers(target, o)
  return init
}

/**
 * The part that is the same on every distribution: put certificates and the command line in place, restart
 * the engine, wait until it listens.
 */
export async function setUpEngine(
  target: ProvisionTarget,
  wanted: EngineWanted,
  { program, table, init }: InstalledEngine,
  o: CallOptions,
): Promise<void> {
  const { shell, log, clock } = target
  await failpoint('machine.afterInstall')
  await init.stop(shell, o)
  // A bridge left by an engine with another address pool keeps the new one from starting.
  await shell.run('ip link delete docker0', o)
  if (table.firewall !== undefined) await shell.run(openFirewall(wanted.port), o)
  log.info('Copying certs to the remote machine...')
  for (const file of wanted.setup.files) await shell.upload(file, o)
  await failpoint('machine.afterUpload')
  log.info('Setting Docker configuration on the remote daemon...')
  await init.configure(shell, { program, args: wanted.setup.args, env: wanted.setup.env }, o)
  await failpoint('machine.afterConfigure')
  try {
    await init.start(shell, o)
    await waitForPort(shell, wanted.port, clock, o)
  } catch (error) {
    throw await withEngineLog(error, shell, init, o)
  }
  await failpoint('machine.afterStart')
}

const mostNames = 10

/** reliability.md F-S5: who restarts an engine is told what stops with it. Without a docker command there nobody can say. */
async function warnOfContainers({ shell, log }: ProvisionTarget, o: CallOptions): Promise<void> {
  const { stdout } = await shell
    .run("docker ps --format '{{.Names}}' 2>/dev/null", { ...o, deadlineMs: 15_000 })
    .catch(() => ({ stdout: '' }))
  const names = stdout.split('\n').filter((name) => name !== '')
  if (names.length === 0) return
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : ''
  const list = names.slice(0, mostNames).join(', ')
  log.warn(`Restarting the engine stops ${list}${more}; containers with a restart policy come back`)
}

/** While the engine is stopped: a reload of the firewall drops the rules of a running one. */
function openFirewall(port: number): string {
  const isRunning = 'command -v firewall-cmd >/dev/null 2>&1 && firewall-cmd -q --state'
  return `if ${isRunning}; then firewall-cmd -q --permanent --add-port=${port}/tcp && firewall-cmd -q --reload; fi`
}

/** `daemon.json` and our command line must not set the same thing: the engine refuses to start. */
async function refuseConflicts(shell: HostShell, args: readonly string[], o: CallOptions): Promise<void> {
  const { code, stdout } = await shell.run('cat /etc/docker/daemon.json', o)
  if (code !== 0) return
  let settings: unknown
  try {
    settings = JSON.parse(stdout.trim() === '' ? '{}' : stdout)
  } catch (error) {
    const text = `/etc/docker/daemon.json on the host is not valid JSON: ${toMessage(error)}`
    throw new FlotillaError('machine/provision', text, { cause: error })
  }
  if (typeof settings !== 'object' || settings === null) return
  const taken = listSettings(args).filter((name) => Object.hasOwn(settings, name))
  if (taken.length === 0) return
  throw new FlotillaError('machine/provision', `/etc/docker/daemon.json on the host already sets ${taken.join(', ')}`, {
    hint: 'remove these settings from it: they are given on the command line of the engine',
  })
}

async function waitForPort(shell: HostShell, port: number, clock: Clock, o: CallOptions): Promise<void> {
  const endMs = clock.nowMs() + listenTimeoutMs
  for (let look = 1; ; look += 1) {
    const { stdout } = await shell.run('cat /proc/net/tcp /proc/net/tcp6 2>/dev/null', o)
    if (isListening(stdout, port)) return
    if (clock.nowMs() >= endMs && look >= fewestLooks) {
      throw new FlotillaError(
        'machine/provision',
        'Unable to verify the Docker daemon is listening: Maximum number of retries (10) exceeded',
      )
    }
    await clock.sleep(listenPollMs, o.signal)
  }
}

/** Reads the kernel's socket table, because neither `ss` nor `netstat` is everywhere. */
export function isListening(table: string, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return table.split('\n').some((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    return state === '0A' && local.endsWith(`:${wanted}`)
  })
}

async function withEngineLog(error: unknown, shell: HostShell, init: InitSystem, o: CallOptions): Promise<unknown> {
  if (o.signal?.aborted === true) return error
  const log = await readLogQuietly(shell, init, o)
  if (log === '') return error
  const text = `${toMessage(error)}\nlast lines of the engine's log:\n${log}`
  return new FlotillaError('machine/provision', text, { cause: error })
}

async function readLogQuietly(shell: HostShell, init: InitSystem, o: CallOptions): Promise<string> {
  try {
    return await init.readLog(shell, o)
  } catch {
    return ''
  }
}
