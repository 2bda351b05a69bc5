import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { changedHostKey } from '../../io/ssh/ssh.ts'
import type { Ssh } from '../../io/ssh/ssh.ts'
import { parseOsRelease } from './os-release.ts'
import type { OsRelease } from './os-release.ts'
import type { Provisioner } from './provisioner.ts'

const attempts = 60
const refusedAttempts = 10
const pauseMs = 3000
const loginLimitMs = 90_000

/** Waits until a login works: a fresh host answers, then refuses, then lets us in. */
export async function waitForSsh(ssh: Ssh, log: Log, clock: Clock, o: CallOptions): Promise<void> {
  log.info('Waiting for SSH to be available...')
  let refused = 0
  for (let attempt = 1; ; attempt += 1) {
    try {
      // A login that asks something, or hangs in a start-up file, says nothing for ever.
      const { code } = await ssh.run('exit 0', {
        ...o,
        deadlineMs: Math.min(o.deadlineMs ?? loginLimitMs, loginLimitMs),
      })
      if (code === 0) return
      throw new FlotillaError('io/ssh', `exit status ${code}`)
    } catch (error) {
      if (o.signal?.aborted === true) throw error
      const text = toMessage(error)
      const isSilent = isFlotillaError(error) && error.code === 'core/deadline'
      if (/Permission denied|authentication methods failed/.test(text)) refused += 1
      if (isSilent) refused += 2
      const isHopeless = text.includes(changedHostKey) || /too open|not readable|cannot use SSH key/.test(text)
      if (attempt >= attempts || refused >= refusedAttempts || isHopeless) {
        const whole = `Too many retries waiting for SSH to be available.  Last error: ${text}`
        throw new FlotillaError('machine/provision', whole, { cause: error })
      }
    }
    await clock.sleep(pauseMs, o.signal)
  }
}

/** Asks a host what it is. */
export async function readOsRelease(ssh: Ssh, o: CallOptions): Promise<OsRelease> {
  const { code, stdout } = await ssh.run('cat /etc/os-release || cat /usr/lib/os-release', o)
  if (code !== 0) {
    throw new FlotillaError('machine/provision', 'Error detecting OS: OS type not recognized', {
      hint: 'the host has no /etc/os-release',
    })
  }
  return parseOsRelease(stdout)
}

/**
 * The provisioner that knows a system, else the one that knows its nearest relative. A derivative counts its versions in its
 * own way, so it is looked up under the name of the relative without one.
 */
export function findProvisioner(os: OsRelease, provisioners: readonly Provisioner[]): Provisioner | undefined {
  const found = provisioners.find((provisioner) => provisioner.matches(os))
  // A known name that nobody takes is a release that is too old, not a derivative.
  const isRefused = provisioners.some((provisioner) => provisioner.matches({ ...os, versionId: '' }))
  if (found !== undefined || isRefused) return found
  for (const id of os.idLike) {
    const relative = { ...os, id, idLike: [], versionId: '' }
    const near = provisioners.find((provisioner) => provisioner.matches(relative))
    if (near !== undefined) return near
  }
  return undefined
}

/** @throws {machine/provision} naming the system found and those that are known */
export function chooseProvisioner(os: OsRelease, provisioners: readonly Provisioner[]): Provisioner {
  const found = findProvisioner(os, provisioners)
  if (found !== undefined) return found
  const known = provisioners.flatMap((provisioner) => provisioner.systems).join(', ')
  throw new FlotillaError('machine/provision', 'Error detecting OS: OS type not recognized', {
    hint: `the host runs ${os.prettyName === '' ? 'an unnamed system' : os.prettyName}; supported are ${known}`,
  })
}
