import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { pollUntil } from '../../../io/process-identity.ts'
import type { NamespaceHost } from './namespace-host.ts'

/** A host whose process 1 is systemd: it runs its own SSH server and engine, like any other Debian machine. */

const bootLimitMs = 180_000

/**
 * Waits until systemd has started everything.
 *
 * @throws {machine/driver} with the units that failed, or the state it hangs in
 */
export async function waitForSystemd(host: NamespaceHost, clock: Clock, o: CallOptions = {}): Promise<void> {
  let state = ''
  async function isUp(): Promise<boolean> {
    const answer = await host.run(['systemctl', 'is-system-running'], { ...o, deadlineMs: 10_000 })
    state = answer.stdout.trim()
    return state === 'running' || state === 'degraded'
  }
  if (!(await pollUntil(isUp, bootLimitMs, clock, { ...o, everyMs: 100 }))) {
    throw new FlotillaError(
      'machine/driver',
      `host ${JSON.stringify(host.record.name)} hangs while systemd is "${state}"`,
    )
  }
  if (state === 'running') return
  const failed = await host.run(['systemctl', 'list-units', '--failed', '--plain', '--no-legend'], o)
  throw new FlotillaError(
    'machine/driver',
    `units of host ${JSON.stringify(host.record.name)} have failed: ${failed.stdout.trim()}`,
  )
}

/** Lets the owner of a public key in as root. The host gets keys of its own: those of the tree are the same for all. */
export async function allowLogin(host: NamespaceHost, publicKey: string, o: CallOptions = {}): Promise<void> {
  await host.writeFile('/root/.ssh/authorized_keys', publicKey, 0o600, o)
  const script = 'chmod 700 /root/.ssh && rm -f /etc/ssh/ssh_host_* && ssh-keygen -q -A && systemctl restart ssh'
  const result = await host.run(['sh', '-c', script], { deadlineMs: 60_000, ...o })
  if (result.code === 0) return
  throw new FlotillaError(
    'machine/driver',
    `cannot set up the SSH server of host ${JSON.stringify(host.record.name)}: ${result.stderr.trim()}`,
  )
}
