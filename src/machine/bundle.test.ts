import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../io/clock.ts'
import { exportMachine, importMachine } from './bundle.ts'
import type { Host } from './host.ts'
import { emptyAuthOptions, emptyEngineOptions, emptySwarmOptions } from './record.ts'
import { fileStore } from './store-files.ts'
import type { Store } from './store.ts'

const folder = mkdtempSync(join(tmpdir(), 'bundle-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let from: Store
let to: Store
let host: Host
let count = 0
const noPassphrase = async (): Promise<undefined> => undefined

beforeEach(async () => {
  count += 1
  from = fileStore(join(folder, `from-${count}`), systemClock)
  to = fileStore(join(folder, `to-${count}`), systemClock)
  const certs = join(from.root, 'certs')
  const own = from.pathOf('m')
  mkdirSync(certs, { recursive: true })
  for (const file of ['ca.pem', 'ca-key.pem', 'cert.pem', 'key.pem']) writeFileSync(join(certs, file), `shared ${file}`)
  host = {
    name: 'm',
    driverName: 'generic',
    driver: { IPAddress: '10.0.0.1', MachineName: 'm', StorePath: from.root, SSHKeyPath: join(own, 'id_rsa') },
    options: {
      Driver: '',
      Memory: 0,
      Disk: 0,
      EngineOptions: emptyEngineOptions,
      SwarmOptions: emptySwarmOptions,
      AuthOptions: {
        ...emptyAuthOptions,
        CertDir: certs,
        CaCertPath: join(certs, 'ca.pem'),
        CaPrivateKeyPath: join(certs, 'ca-key.pem'),
        ClientCertPath: join(certs, 'cert.pem'),
        ClientKeyPath: join(certs, 'key.pem'),
        ServerCertPath: join(own, 'server.pem'),
        ServerKeyPath: join(own, 'server-key.pem'),
        StorePath: own,
      },
    },
    extra: { Kept: 'yes' },
  }
  await from.create(host)
  writeFileSync(join(own, 'id_rsa'), 'ssh key', { mode: 0o600 })
  writeFileSync(join(own, 'disk.img'), Buffer.alloc(300_000))
})

describe('a machine as one file', () => {
  it('has everything but disks, and is used with the authority it came with', async () => {
    const { text, left } = await exportMachine(host, from, { withCaKey: false })
    expect(left).toEqual(['disk.img'])
    const moved = await importMachine(text, 'm.machine', to, noPassphrase)
    const own = to.pathOf('m')
    expect(readFileSync(join(own, 'id_rsa'), 'utf8')).toBe('ssh key')
    expect(statSync(join(own, 'id_rsa')).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(own, 'ca.pem'), 'utf8')).toBe('shared ca.pem')
    expect(existsSync(join(own, 'ca-key.pem'))).toBe(false)
    expect(moved.driver).toMatchObject({ StorePath: to.root, SSHKeyPath: join(own, 'id_rsa') })
    expect(moved.options.AuthOptions).toMatchObject({
      CaCertPath: join(own, 'ca.pem'),
      ClientKeyPath: join(own, 'key.pem'),
      CaPrivateKeyPath: join(own, 'ca-key.pem'),
    })
    expect(await to.load('m')).toEqual(moved)
    expect(moved.extra).toEqual({ Kept: 'yes' })
  })

  it('takes the key of the authority along only when asked', async () => {
    const { text } = await exportMachine(host, from, { withCaKey: true })
    const moved = await importMachine(text, 'x', to, noPassphrase)
    expect(readFileSync(moved.options.AuthOptions.CaPrivateKeyPath, 'utf8')).toBe('shared ca-key.pem')
    expect(moved.options.AuthOptions.CertDir).toBe(to.pathOf('m'))
  })

  it('never replaces a machine', async () => {
    const { text } = await exportMachine(host, from, { withCaKey: false })
    await expect(importMachine(text, 'x', from, noPassphrase)).rejects.toThrow('Docker machine "m" already exists')
  })

  it('encrypted it opens with its passphrase only, and not when it was changed', async () => {
    const { text } = await exportMachine(host, from, { withCaKey: false, passphrase: 'right' })
    expect(text).not.toContain('shared')
    await expect(importMachine(text, 'x', to, noPassphrase)).rejects.toThrow('x is encrypted: a passphrase is needed')
    await expect(importMachine(text, 'x', to, async () => 'wrong')).rejects.toThrow(
      'cannot open x: the passphrase is wrong, or it was changed',
    )
    const sealed = JSON.parse(text) as Record<string, unknown>
    const changed = JSON.stringify({ ...sealed, data: `AAAA${String(sealed['data']).slice(4)}` })
    await expect(importMachine(changed, 'x', to, async () => 'right')).rejects.toThrow('or it was changed')
    const costly = JSON.stringify({ ...sealed, N: 2 ** 30 })
    await expect(importMachine(costly, 'x', to, async () => 'right')).rejects.toThrow('not known')
    expect((await importMachine(text, 'x', to, async () => 'right')).name).toBe('m')
  })

  it.each([
    ['nonsense', 'x is no exported machine'],
    ['{}', 'x is no exported machine: its format is not flotilla-machine/1'],
    ['{"format":"flotilla-machine/1","name":"../m","record":"","files":[]}', 'it names no machine'],
    ['{"format":"flotilla-machine/1","name":"m","record":""}', 'a part of it is missing'],
    ['{"format":"flotilla-machine/1","name":"m","record":"{}","files":[null]}', 'one of its files has no path'],
    ...['../evil', '/evil', 'a/../../evil', 'config.json', 'a\\\\b', ''].map((path) => [
      `{"format":"flotilla-machine/1","name":"m","record":"{}","files":[{"path":"${path}","mode":384,"content":""}]}`,
      "would lie outside the machine's folder",
    ]),
  ])('%s is refused, and nothing is written', async (text, reason) => {
    await expect(importMachine(text, 'x', to, noPassphrase)).rejects.toThrow(reason)
    expect(existsSync(join(to.root, 'machines', 'm'))).toBe(false)
  })
})
