import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import type { Connection, Server } from 'ssh2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { makeSshKey } from '../../testing/ssh-key.ts'
import { openNativeSsh } from './native.ts'
import type { Ssh } from './ssh.ts'

describe('the built-in client', () => {
  let folder: string
  let server: Server
  let ssh: Ssh
  const connections: Connection[] = []
  let openSessions = 0

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flotilla-native-'))
    writeFileSync(join(folder, 'id'), makeSshKey(), { mode: 0o600 })
    connections.length = 0
    openSessions = 0
    server = new ssh2.Server({ hostKeys: [makeSshKey()] }, (connection) => {
      connections.push(connection)
      connection.on('error', () => {})
      connection.on('authentication', (attempt) => attempt.accept())
      connection.on('session', (accept) => {
        const session = accept()
        session.on('exec', (take, _refuse, { command }) => {
          const channel = take()
          openSessions += 1
          channel.on('close', () => (openSessions -= 1))
          channel.resume()
          if (command === 'hang') return
          channel.write('said')
          channel.exit(0)
          channel.end()
        })
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    ssh = openNativeSsh({ host: '127.0.0.1', port, user: 'ada', keyPath: join(folder, 'id') }, systemClock, process)
  })
  afterEach(async () => {
    await ssh.close()
    for (const connection of connections) connection.end()
    await new Promise<void>((resolve) => void server.close(() => resolve()))
    rmSync(folder, { recursive: true })
  })

  it('runs commands over one connection, and over a new one when that has ended', async () => {
    const answer = { code: 0, stdout: 'said', stderr: '' }
    expect(await ssh.run('a', {})).toEqual(answer)
    expect(await ssh.run('b', {})).toEqual(answer)
    expect(connections).toHaveLength(1)
    const gone = new Promise<void>((resolve) => connections[0]?.once('close', () => resolve()))
    connections[0]?.end()
    await gone
    await systemClock.sleep(20)
    expect(await ssh.run('c', {})).toEqual(answer)
    expect(connections).toHaveLength(2)
  })

  it('leaves no session behind of a command that took too long', async () => {
    await ssh.run('a', {})
    await expect(ssh.run('hang', { deadlineMs: 500 })).rejects.toMatchObject({ code: 'core/deadline' })
    expect(await ssh.run('a', {})).toMatchObject({ code: 0 })
    await expect.poll(() => openSessions).toBe(0)
  })
})
