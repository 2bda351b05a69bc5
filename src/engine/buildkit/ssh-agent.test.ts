import { linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import type { ParsedKey } from 'ssh2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeSshKey } from '../../testing/ssh-key.ts'
import { checkAgent, openAgent } from './ssh-agent.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('an agent made up for a key file', () => {
  it('has the one key and signs with it', async () => {
    const key = makeSshKey()
    writeFileSync(join(folder, 'key'), key)
    const agent = await openAgent(join(folder, 'key'))
    const client = new ssh2.AgentProtocol(true)
    client.pipe(agent).pipe(client)
    const keys = await new Promise<readonly ParsedKey[]>((resolve, reject) => {
      client.getIdentities((error, found) => (error ? reject(error) : resolve(found ?? [])))
    })
    expect(keys.map((key) => key.type)).toEqual(['ssh-ed25519'])
    const data = Buffer.from('to be signed')
    const signature = await new Promise<Buffer>((resolve, reject) => {
      client.sign(keys[0] as ParsedKey, data, {}, (error, signed) =>
        error ? reject(error) : resolve(signed as Buffer),
      )
    })
    const own = ssh2.utils.parseKey(key)
    expect(own instanceof Error ? false : own.verify(data, signature)).toBe(true)
    agent.destroy()
    client.destroy()
  })

  it.each(['gone', 'text'])('says what is wrong with %s', async (name) => {
    writeFileSync(join(folder, 'text'), 'no key')
    await expect(openAgent(join(folder, name))).rejects.toThrow(`cannot use SSH key or agent "${join(folder, name)}"`)
    await expect(openAgent(join(folder, 'gone'))).rejects.toThrow(/gone": no such file or directory$/)
  })

  it('needs the private key', async () => {
    const key = ssh2.utils.parseKey(makeSshKey())
    const shown = key instanceof Error ? '' : `${key.type} ${key.getPublicSSH().toString('base64')} me`
    writeFileSync(join(folder, 'key.pub'), shown)
    await expect(checkAgent(join(folder, 'key.pub'))).rejects.toThrow(/key\.pub": it is a public key$/)
  })
})

describe('an agent that listens at a socket', () => {
  it('can be told from one that does no longer', async () => {
    const server = createServer()
    const path = join(folder, 'sock')
    await new Promise<void>((resolve) => server.listen(path, resolve))
    await checkAgent(path)
    // What a killed agent leaves behind.
    linkSync(path, join(folder, 'stale'))
    await new Promise((resolve) => server.close(resolve))
    await expect(checkAgent(join(folder, 'stale'))).rejects.toThrow(
      /cannot use SSH key or agent ".*stale": .*ECONNREFUSED/,
    )
  })
})
