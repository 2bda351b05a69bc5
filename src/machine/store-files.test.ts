import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../io/clock.ts'
import { armFailpoints } from '../io/failpoint.ts'
import { memoryStore } from '../testing/memory-store.ts'
import { makeHost, testStore } from '../../test/conformance/store.ts'
import { fileStore } from './store-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'store-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fixtures = resolve(import.meta.dirname, '../../test/fixtures')

function freshRoot(): string {
  return mkdtempSync(join(folder, 'root-'))
}

function copyOf(fixture: string): string {
  const root = freshRoot()
  cpSync(join(fixtures, fixture), root, { recursive: true })
  return root
}

function configOf(root: string, name: string): string {
  return join(root, 'machines', name, 'config.json')
}

testStore('the file store', async () => fileStore(freshRoot(), systemClock))
testStore('the memory store', async () => memoryStore())

describe('a record that cannot be written', () => {
  afterEach(() => armFailpoints([]))

  it('leaves nothing of a new machine, and of an old one the record it had', async () => {
    const root = freshRoot()
    const store = fileStore(root, systemClock)
    await store.create(makeHost('old'))
    const before = readFileSync(configOf(root, 'old'), 'utf8')
    armFailpoints([{ name: 'file.afterTmpWrite', action: { kind: 'error', message: 'no space left' }, fromHit: 1 }])
    await expect(store.create(makeHost('new'))).rejects.toThrow(/config\.json": no space left$/)
    await expect(store.save({ ...makeHost('old'), driverName: 'other' })).rejects.toThrow('no space left')
    expect([readdirSync(join(root, 'machines')), readdirSync(join(root, 'machines/old'))]).toEqual([
      ['old'],
      ['config.json'],
    ])
    expect(readFileSync(configOf(root, 'old'), 'utf8')).toBe(before)
  })
})

describe('the layout of docker-machine', () => {
  it('folders are private, records too, indented by four blanks and without a final newline', async () => {
    const root = freshRoot()
    const store = fileStore(root, systemClock)
    await store.create(makeHost('web'))
    expect(statSync(join(root, 'machines')).mode & 0o777).toBe(0o700)
    expect(statSync(join(root, 'machines/web')).mode & 0o777).toBe(0o700)
    expect(statSync(configOf(root, 'web')).mode & 0o777).toBe(0o600)
    const text = readFileSync(configOf(root, 'web'), 'utf8')
    expect(text.startsWith('{\n    "ConfigVersion": 3,\n    "Driver": {\n        "IPAddress": "10.0.0.1",')).toBe(true)
    expect(text.endsWith('    "Name": "web"\n}')).toBe(true)
  })

  it('a record written by 0.16 keeps every byte when it is saved again', async () => {
    const root = copyOf('machine-store-v3')
    const before = readFileSync(configOf(root, 'harbor'), 'utf8').replaceAll('/home/grace/.docker/machine', root)
    writeFileSync(configOf(root, 'harbor'), before)
    const store = fileStore(root, systemClock)
    await store.save(await store.load('harbor'))
    expect(readFileSync(configOf(root, 'harbor'), 'utf8')).toBe(before)
  })

  it('a store copied to another home finds its certificates and keys under its new root', async () => {
    const root = copyOf('machine-store-v3')
    const { driver, options } = await fileStore(root, systemClock).load('harbor')
    expect(driver['StorePath']).toBe(root)
    expect(driver['SSHKeyPath']).toBe(join(root, 'machines/harbor/id_rsa'))
    expect(options.AuthOptions).toMatchObject({
      CertDir: join(root, 'certs'),
      CaCertPath: join(root, 'certs/ca.pem'),
      ServerCertPath: join(root, 'machines/harbor/server.pem'),
      StorePath: join(root, 'machines/harbor'),
    })
  })

  it("hidden folders and files are no machines, and the folder's name is the machine's", async () => {
    const root = copyOf('machine-store-v3')
    mkdirSync(join(root, 'machines/.hidden'))
    writeFileSync(join(root, 'machines/file'), '')
    cpSync(join(root, 'machines/pier'), join(root, 'machines/renamed'), { recursive: true })
    const store = fileStore(root, systemClock)
    expect(await store.list()).toEqual(['harbor', 'pier', 'renamed'])
    expect((await store.load('renamed')).name).toBe('renamed')
    expect(await store.exists('file')).toBe(true)
  })
})

describe('records of older versions', () => {
  it('a flat record moves its fields into the groups, keeps the old bytes and is saved at once', async () => {
    const root = copyOf('machine-store-old')
    const old = readFileSync(configOf(root, 'attic'), 'utf8')
    const host = await fileStore(root, systemClock).load('attic')
    expect(host.options.EngineOptions).toMatchObject({ TlsVerify: true, InstallURL: 'https://get.docker.com' })
    expect(host.options.SwarmOptions).toMatchObject({ Master: true, Discovery: 'nodes://10.11.0.4:2376' })
    expect(host.options.AuthOptions).toMatchObject({
      CaPrivateKeyPath: join(root, 'certs/ca-key.pem'),
      CertDir: join(root, 'certs'),
    })
    expect(host.driver).toMatchObject({ StorePath: root, SSHKey: '/home/grace/.ssh/attic', SSHPort: 2222 })
    expect(readFileSync(`${configOf(root, 'attic')}.bak`, 'utf8')).toBe(old)
    expect(JSON.parse(readFileSync(configOf(root, 'attic'), 'utf8'))).toMatchObject({ ConfigVersion: 3, Name: 'attic' })
  })

  it('version 1 renames the CA key and keeps engine options and fields it does not know', async () => {
    const root = copyOf('machine-store-old')
    const host = await fileStore(root, systemClock).load('barn')
    expect(host.options.AuthOptions.CaPrivateKeyPath).toBe(join(root, 'certs/ca-key.pem'))
    expect('PrivateKeyPath' in host.options.AuthOptions).toBe(false)
    expect(host.options.EngineOptions).toMatchObject({ StorageDriver: 'aufs', Labels: ['room=barn'], TlsCaCert: '' })
  })

  it('version 2 gets the store path, numbers stay exact and the raw driver is dropped', async () => {
    const root = copyOf('machine-store-old')
    await fileStore(root, systemClock).load('cellar')
    const text = readFileSync(configOf(root, 'cellar'), 'utf8')
    expect(text).toContain('"DropletID": 9007199254740993,')
    expect(text).toContain('"Weight": 1.50,')
    expect(text).toContain(`"StorePath": "${root}"`)
    expect(text).not.toContain('RawDriver')
  })

  it('a second load changes nothing and keeps the first backup', async () => {
    const root = copyOf('machine-store-old')
    const store = fileStore(root, systemClock)
    await store.load('barn')
    const [record, backup] = [configOf(root, 'barn'), `${configOf(root, 'barn')}.bak`].map((path) => readFileSync(path))
    await store.load('barn')
    expect(readFileSync(configOf(root, 'barn'))).toEqual(record)
    expect(readFileSync(`${configOf(root, 'barn')}.bak`)).toEqual(backup)
  })
})

describe('bad records', () => {
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['empty', '', /unexpected end of JSON input/],
    ['truncated', '{"ConfigVersion": 3, "Driver": {"IPAd', /cannot read the record of machine "bad": /],
    ['binary', '\0\0\0\0', /invalid character/],
    ['a list', '[]', /it is not a JSON object/],
    ['a driver of the wrong type', '{"ConfigVersion":3,"DriverName":"none","Driver":[]}', /Driver is not an object/],
    ['no driver name', '{"ConfigVersion":3,"Driver":{}}', /DriverName is not a text/],
    [
      'options of the wrong type',
      '{"ConfigVersion":3,"DriverName":"n","Driver":{},"HostOptions":{"EngineOptions":{"Labels":"x"}}}',
      /EngineOptions.Labels has the wrong type/,
    ],
    ['a version that is none', '{"ConfigVersion":"x"}', /ConfigVersion is not a version number/],
    ['too deep', `{"a":${'['.repeat(100_000)}`, /nested deeper/],
  ]
  for (const [what, text, message] of bad) {
    it(`${what}: the error names the machine, the others are untouched`, async () => {
      const root = copyOf('machine-store-v3')
      mkdirSync(join(root, 'machines/bad'))
      writeFileSync(configOf(root, 'bad'), text)
      const store = fileStore(root, systemClock)
      await expect(store.load('bad')).rejects.toMatchObject({ code: 'machine/invalid-record' })
      await expect(store.load('bad')).rejects.toThrow(message)
      expect((await store.load('harbor')).driverName).toBe('rackboard')
      expect(readFileSync(configOf(root, 'bad'), 'utf8')).toBe(text)
      await store.remove('bad')
      expect(await store.list()).toEqual(['harbor', 'pier'])
    })
  }

  it('a record of the future is refused with the text of docker-machine', async () => {
    const root = copyOf('machine-store-v3')
    writeFileSync(configOf(root, 'pier'), '{"ConfigVersion": 4}')
    await expect(fileStore(root, systemClock).load('pier')).rejects.toThrow(
      'Error getting migrated host: config version is from the future -- you should upgrade your Docker Machine client',
    )
  })

  it('a folder in place of the record, a fifo and a missing record are errors, not hangs', async () => {
    const root = copyOf('machine-store-v3')
    mkdirSync(configOf(root, 'bad'), { recursive: true })
    mkdirSync(join(root, 'machines/none'))
    const store = fileStore(root, systemClock)
    await expect(store.load('bad')).rejects.toThrow(/not a regular file|EISDIR/)
    await expect(store.load('none')).rejects.toThrow(/config.json is missing/)
    rmSync(configOf(root, 'bad'), { recursive: true })
    spawnSync('mkfifo', [configOf(root, 'bad')])
    await expect(store.load('bad')).rejects.toThrow(/not a regular file/)
  })

  it('a driver field called __proto__ is data', async () => {
    const root = copyOf('machine-store-v3')
    const text =
      '{"ConfigVersion":3,"DriverName":"n","Driver":{"__proto__":{"polluted":true}},"HostOptions":{},"Name":"pier"}'
    writeFileSync(configOf(root, 'pier'), text)
    const store = fileStore(root, systemClock)
    await store.save(await store.load('pier'))
    expect(readFileSync(configOf(root, 'pier'), 'utf8')).toContain('"__proto__": {\n            "polluted": true')
    expect('polluted' in {}).toBe(false)
  })
})

describe('locks', () => {
  it('the lock of a process that died is taken over, that of a living one is respected', async () => {
    const root = freshRoot()
    const store = fileStore(root, systemClock)
    const dead = spawnSync('true').pid
    const path = join(root, 'locks/machine-a.lock')
    await store.lock('a', async () => {
      const mine = JSON.parse(readFileSync(path, 'utf8'))
      expect(mine.pid).toBe(process.pid)
      writeFileSync(join(root, 'locks/machine-dead.lock'), JSON.stringify({ ...mine, pid: dead, nonce: 'x' }))
      writeFileSync(join(root, 'locks/machine-reused.lock'), JSON.stringify({ ...mine, startTicks: 1, nonce: 'x' }))
      writeFileSync(join(root, 'locks/machine-boot.lock'), JSON.stringify({ ...mine, boot: 'earlier', nonce: 'x' }))
      writeFileSync(join(root, 'locks/machine-torn.lock'), '{"pid": 1')
      // Nothing of that process can be seen from here, not even that it is gone.
      const far = { ...mine, computer: 'far', boot: 'other', pid: dead, nonce: 'x' }
      writeFileSync(join(root, 'locks/machine-far.lock'), JSON.stringify(far))
    })
    for (const name of ['dead', 'reused', 'boot', 'torn']) {
      expect(await store.lock(name, async () => name, { deadlineMs: 0 })).toBe(name)
    }
    await expect(store.lock('far', async () => 'no', { deadlineMs: 0 })).rejects.toThrow(
      `machine "far" is in use by process ${dead} on "far"`,
    )
    expect(readdirSync(join(root, 'locks'))).toEqual(['machine-far.lock'])
  })
})
