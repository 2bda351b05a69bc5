import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import type { Server } from 'ssh2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../core/clock.ts'
import { silentLog } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { openNativeSsh } from '../../io/ssh/native.ts'
import { openSsh } from '../../io/ssh/openssh.ts'
import type { Ssh } from '../../io/ssh/ssh.ts'
import { makeSshKey } from '../../testing/ssh-key.ts'
import { waitForSsh } from './detect.ts'

/** What both clients say of hosts that will never let us in, and that nobody waits for those. */

const hasProgram = spawnSync('ssh', ['-V']).status === 0

describe.each(hasProgram ? ['native', 'program'] : ['native'])('a login with the client: %s', (client) => {
  let folder: string
  let server: Server | undefined
  let port = 0
  let isRefusing = false
  const opened: Ssh[] = []

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flotilla-ssh-test-'))
    writeFileSync(join(folder, 'id'), makeSshKey(), { mode: 0o600 })
    isRefusing = false
    port = 0
  })
  afterEach(async () => {
    for (const ssh of opened.splice(0)) await ssh.close()
    await stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Where it was before, if it was. */
  async function start(hostKey: string): Promise<void> {
    const made = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
      connection.on('error', () => {})
      connection.on('authentication', (attempt) => {
        if (isRefusing || attempt.method !== 'publickey') attempt.reject(['publickey'])
        else attempt.accept()
      })
      connection.on('session', (accept) => {
        accept().on('exec', (take) => {
          const channel = take()
          channel.exit(0)
          channel.end()
        })
      })
    })
    server = made
    await new Promise<void>((resolve) => made.listen(port, '127.0.0.1', resolve))
    port = (made.address() as AddressInfo).port
  }

  async function stop(): Promise<void> {
    const running = server
    server = undefined
    if (running !== undefined) await new Promise<void>((resolve) => void running.close(() => resolve()))
  }

  function login(): Ssh {
    const address = {
      host: '127.0.0.1',
      port,
      user: 'ada',
      keyPath: join(folder, 'id'),
      knownHostsPath: join(folder, 'known_hosts'),
    }
    const ssh = client === 'native' ? openNativeSsh(address, systemClock, process) : openSsh(address, systemClock)
    opened.push(ssh)
    return ssh
  }

  /** Logs in, and ends it; a pause counts as a failure. */
  async function enter(pauses = 0): Promise<void> {
    let paused = 0
    const clock: Clock = {
      ...systemClock,
      sleep: () => ((paused += 1) > pauses ? Promise.reject(new Error('it waits')) : Promise.resolve()),
    }
    const ssh = login()
    try {
      await waitForSsh(ssh, silentLog, clock, {})
    } finally {
      await ssh.close()
    }
  }

  it('keeps the key of a host, and says at once that another one is there later', async () => {
    await start(makeSshKey())
    await enter()
    const known = readFileSync(join(folder, 'known_hosts'), 'utf8')
    expect(known).toContain(`[127.0.0.1]:${port} ssh-ed25519 `)
    await enter()
    await stop()
    await start(makeSshKey())
    await expect(enter()).rejects.toThrow(
      `cannot log in to ada@127.0.0.1:${port}: the host key has changed since the first contact`,
    )
    expect(readFileSync(join(folder, 'known_hosts'), 'utf8')).toBe(known)
  })

  it('names a refused key, after a few tries: a host that boots may learn it late', async () => {
    await start(makeSshKey())
    isRefusing = true
    await expect(enter(9)).rejects.toThrow(/Last error: cannot log in to ada@.*(?:Permission denied|authentication)/)
  })
})
