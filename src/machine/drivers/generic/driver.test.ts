import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testDriver } from '../../../../test/conformance/driver.ts'
import type { Log } from '../../../core/log.ts'
import { systemClock } from '../../../io/clock.ts'
import type { Driver, DriverOptions } from '../../driver.ts'
import { genericFactory } from './driver.ts'
import { descriptor } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'generic-'))
let listener: Server
let port = 0

beforeAll(async () => {
  listener = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  port = (listener.address() as AddressInfo).port
  writeFileSync(join(folder, 'key'), 'private', { mode: 0o600 })
  writeFileSync(join(folder, 'key.pub'), 'public')
})
afterAll(() => {
  listener.close()
  rmSync(folder, { recursive: true, force: true })
})

const valid = { 'generic-ip-address': '127.0.0.1' }

testDriver(descriptor, {
  options: () => ({ ...valid, 'generic-ssh-port': port }),
  refused: [
    [{ 'generic-ip-address': '' }, /^generic driver requires the --generic-ip-address option$/],
    [{ 'generic-ip-address': '-oProxyCommand=x' }, /neither an address nor a name/],
    [{ ...valid, 'generic-ssh-port': 0 }, /--generic-ssh-port 0 is not a port number/],
    [{ ...valid, 'generic-engine-port': 70_000 }, /--generic-engine-port 70000 is not a port number/],
    [{ ...valid, 'generic-ssh-user': '-l' }, /is no user name/],
  ],
  isLive: true,
  canSwitch: false,
})

describe('driver generic', () => {
  const lines: string[] = []
  const log: Log = { debug() {}, warn() {}, error() {}, info: (line) => lines.push(line) }

  async function make(options: DriverOptions): Promise<Driver> {
    const machinePath = mkdtempSync(join(folder, 'machine-'))
    const ctx = {
      machineName: 'a',
      storePath: folder,
      machinePath,
      log,
      clock: systemClock,
      random: { next: () => 0 },
      env: {},
    }
    return genericFactory.create(
      ctx,
      await genericFactory.configure(ctx, { ...valid, 'generic-ssh-user': 'root', ...options }),
    )
  }

  it('copies the key and its public half into the machine folder, readable by the owner only', async () => {
    const driver = await make({ 'generic-ssh-key': join(folder, 'key') })
    await driver.precheck({})
    await driver.create({})
    const copy = (await driver.ssh())?.keyPath ?? ''
    expect(copy.startsWith(folder)).toBe(true)
    expect(copy).not.toBe(join(folder, 'key'))
    expect(readFileSync(copy, 'utf8')).toBe('private')
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    expect(readFileSync(`${copy}.pub`, 'utf8')).toBe('public')
    expect(driver.toConfig()['SSHKeyPath']).toBe(copy)
    expect(lines).toContain('Importing SSH key...')
  })

  it('a key that is called like a file of the store gets another name', async () => {
    writeFileSync(join(folder, 'key.pem'), 'private', { mode: 0o600 })
    const driver = await make({ 'generic-ssh-key': join(folder, 'key.pem') })
    await driver.create({})
    const copy = (await driver.ssh())?.keyPath ?? ''
    // Provisioning puts the key of the client certificate at `key.pem`.
    expect(basename(copy)).toBe('id_rsa')
    expect(readFileSync(copy, 'utf8')).toBe('private')
  })

  it('a key that is not there fails before anything is made', async () => {
    const driver = await make({ 'generic-ssh-key': '/nowhere/key' })
    await expect(driver.precheck({})).rejects.toThrow('SSH key does not exist: "/nowhere/key"')
  })

  it('without a key the agent or the default keys are used', async () => {
    const driver = await make({})
    await driver.create({})
    expect(driver.ssh()).toEqual({ host: '127.0.0.1', port: 22, user: 'root' })
  })

  it('is Stopped when nothing listens on the SSH port, and its address has the engine port', async () => {
    const closed = createServer()
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
    const free = (closed.address() as AddressInfo).port
    await new Promise((resolve) => closed.close(resolve))
    const driver = await make({ 'generic-ssh-port': free, 'generic-engine-port': 2999 })
    expect(await driver.state({})).toBe('Stopped')
    expect(await driver.engineUrl({})).toBe('tcp://127.0.0.1:2999')
  })
})
