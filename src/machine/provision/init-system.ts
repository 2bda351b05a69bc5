import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import { removeBlock, replaceBlock } from './config-block.ts'
import type { DaemonCommand } from './unit-file.ts'
import { renderBoot2docker, renderDropIn, renderOpenRc, renderSupervisor, supervisorPaths } from './unit-file.ts'
import type { HostShell } from './host-shell.ts'
import type { SystemTable } from './system-table.ts'

const dropInFolder = '/etc/systemd/system/docker.service.d'
const dropInName = '10-machine.conf'
const stopTimeoutMs = 60_000
/**
 * Ends when the system has booted, at once where it has. SSH is up before the engine of a system that is booting, whose start
 * would then cancel our stop, or come after it. Systems whose systemd cannot wait are taken as they are.
 */
const waitForBoot = 'timeout 600 systemctl is-system-running --wait >/dev/null 2>&1 || :'

/** What starts the engine on a host. */
export interface InitSystem {
  readonly kind: 'systemd' | 'openrc' | 'boot2docker' | 'none'
  /**
   * Refuses a host whose own settings would fight with ours. Asked before anything is stopped.
   * @throws {machine/provision} naming the file
   */
  check(shell: HostShell, o: CallOptions): Promise<void>
  /** Writes the engine's command line where it belongs. */
  configure(shell: HostShell, command: DaemonCommand, o: CallOptions): Promise<void>
  stop(shell: HostShell, o: CallOptions): Promise<void>
  start(shell: HostShell, o: CallOptions): Promise<void>
  /** The engine's last words, for error messages. */
  readLog(shell: HostShell, o: CallOptions): Promise<string>
}

/** systemd or OpenRC when it is running, what the family has of its own, a supervising script where nothing is. */
export async function detectInit(
  shell: HostShell,
  table: SystemTable,
  clock: Clock,
  o: CallOptions,
): Promise<InitSystem> {
  if (table.service === 'boot2docker') return boot2docker(table.optionsDir ?? '/var/lib/boot2docker')
  const { stdout } = await shell.run(
    'if [ -d /run/systemd/system ]; then echo systemd; elif [ -e /run/openrc/softlevel ]; then echo openrc; fi',
    o,
  )
  if (stdout.trim() === 'systemd') return systemd
  return stdout.trim() === 'openrc' ? openRc : noInit(clock)
}

const systemd: InitSystem = {
  kind: 'systemd',
  check: refuseOtherDropIns,
  async configure(shell, command, o) {
    await shell.upload({ path: `${dropInFolder}/${dropInName}`, content: renderDropIn(command), mode: 0o644 }, o)
    await shell.check('systemctl daemon-reload', o)
  },
  async stop(shell, o) {
    await shell.check(`${waitForBoot}; systemctl -f stop docker`, o)
  },
  async start(shell, o) {
    // Its socket may have started it meanwhile, with what was configured before.
    await shell.check('systemctl -f restart docker && systemctl -f enable docker', o)
  },
  async readLog(shell, o) {
    return (await shell.run('journalctl -u docker -n 15 --no-pager -o cat', o)).stdout.trim()
  },
}

/** Two drop-ins that both set the command line end in an engine that listens where nobody expects it. */
async function refuseOtherDropIns(shell: HostShell, o: CallOptions): Promise<void> {
  const script = `grep -lE '^[[:space:]]*ExecStart=' ${dropInFolder}/*.conf 2>/dev/null | grep -v '/${dropInName}$' || true`
  const others = (await shell.check(script, o)).trim()
  if (others === '') return
  const list = others.split('\n').join(', ')
  throw new FlotillaError('machine/provision', `${list} on the host already sets the engine's command line`, {
    hint: 'remove it, or move its options to --engine-opt',
  })
}

const openRcSettings = '/etc/conf.d/docker'

/** Alpine and Gentoo: the service reads a file of shell variables that is the user's too. */
const openRc: InitSystem = {
  kind: 'openrc',
  async check(shell, o) {
    const own = /^[ \t]*(?:export[ \t]+)?DOCKER_OPTS=(.*)$/m.exec(
      removeBlock(await readOrEmpty(shell, openRcSettings, o)),
    )
    if (own === null || /^(?:""|'')?[ \t]*(?:#.*)?$/.test(own[1] ?? '')) return
    throw new FlotillaError('machine/provision', `${openRcSettings} on the host already sets DOCKER_OPTS`, {
      hint: 'remove it, or move its options to --engine-opt',
    })
  },
  async configure(shell, command, o) {
    await updateBlock(shell, openRcSettings, renderOpenRc(command), o)
  },
  async stop(shell, o) {
    await shell.check('rc-service --ifstarted docker stop', o)
  },
  async start(shell, o) {
    await shell.check('rc-service docker start && rc-update -q add docker default', o)
  },
  async readLog(shell, o) {
    return (await shell.run('tail -n 15 /var/log/docker.log', o)).stdout.trim()
  },
}

function boot2docker(folder: string): InitSystem {
  return {
    kind: 'boot2docker',
    check: async () => {},
    async configure(shell, command, o) {
      await updateBlock(shell, `${folder}/profile`, renderBoot2docker(command, folder), o)
    },
    async stop(shell, o) {
      await shell.check('/etc/init.d/docker stop', o)
    },
    async start(shell, o) {
      await shell.check('/etc/init.d/docker start', o)
    },
    async readLog(shell, o) {
      return (await shell.run(`tail -n 15 ${folder}/docker.log || tail -n 15 /var/log/docker.log`, o)).stdout.trim()
    },
  }
}

async function readOrEmpty(shell: HostShell, path: string, o: CallOptions): Promise<string> {
  const { code, stdout } = await shell.run(`cat ${path}`, o)
  return code === 0 ? stdout : ''
}

async function updateBlock(shell: HostShell, path: string, block: string, o: CallOptions): Promise<void> {
  const text = await readOrEmpty(shell, path, o)
  await shell.upload({ path, content: replaceBlock(text, block), mode: 0o644 }, o)
}

function noInit(clock: Clock): InitSystem {
  return {
    kind: 'none',
    check: async () => {},
    async configure(shell, command, o) {
      await shell.upload({ path: supervisorPaths.script, content: renderSupervisor(command), mode: 0o700 }, o)
    },
    async stop(shell, o) {
      await stopEngines(shell, clock, o)
    },
    async start(shell, o) {
      const { script, log } = supervisorPaths
      // A session of its own and no descriptors of ours: it stays when the login ends.
      await shell.check(`setsid sh ${script} </dev/null >>${log} 2>&1 &`, o)
    },
    async readLog(shell, o) {
      return (await shell.run(`tail -n 15 ${supervisorPaths.log}`, o)).stdout.trim()
    },
  }
}

/** Ends the supervisor, and an engine that was running before there was one. */
async function stopEngines(shell: HostShell, clock: Clock, o: CallOptions): Promise<void> {
  const { pid } = supervisorPaths
  const isOurs = `tr '\\0' ' ' < /proc/$(cat ${pid})/cmdline 2>/dev/null | grep -q ${supervisorPaths.script}`
  const isEngine = `grep -q '^dockerd' /proc/$(cat /var/run/docker.pid)/comm 2>/dev/null`
  const kill = [
    `if [ -f ${pid} ] && ${isOurs}; then kill -TERM "$(cat ${pid})" || true; else rm -f ${pid};`,
    `if [ -f /var/run/docker.pid ] && ${isEngine}; then kill -TERM "$(cat /var/run/docker.pid)" || true; fi; fi`,
  ].join(' ')
  await shell.check(kill, o)
  const busy = `[ -f ${pid} ] || { [ -f /var/run/docker.pid ] && ${isEngine}; }`
  const endMs = clock.nowMs() + stopTimeoutMs
  while ((await shell.run(busy, o)).code === 0) {
    if (clock.nowMs() > endMs) throw new FlotillaError('machine/provision', 'the engine on the host does not stop')
    await clock.sleep(250, o.signal)
  }
}
