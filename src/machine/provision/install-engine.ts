import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { HostShell } from './host-shell.ts'

/** Seconds apt waits for another package run; fresh cloud hosts update themselves for minutes. */
const aptLockSeconds = 300

/** A login over SSH often has no `/usr/sbin` in its path. */
const findEngine = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v dockerd'

/**
 * Finds dockerd, or installs the distribution's package with apt.
 *
 * @returns its absolute path on the host
 */
export async function installWithApt(shell: HostShell, log: Log, o: CallOptions): Promise<string> {
  const found = await shell.run(findEngine, o)
  if (found.code === 0) return found.stdout.trim()
  log.info('Installing Docker...')
  // Cloud images run apt on their first boot; two at once fail.
  await shell.run('command -v cloud-init >/dev/null && cloud-init status --wait', o)
  const apt = `apt-get -o DPkg::Lock::Timeout=${aptLockSeconds} -q -y --no-install-recommends`
  await shell.check(`export DEBIAN_FRONTEND=noninteractive; ${apt} update && ${apt} install docker.io iptables`, o)
  const installed = await shell.run(findEngine, o)
  if (installed.code === 0) return installed.stdout.trim()
  throw new FlotillaError('machine/provision', 'docker.io was installed on the host but there is no dockerd')
}
