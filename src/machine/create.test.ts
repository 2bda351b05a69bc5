import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import type { Server } from 'node:tls'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { makeHost } from '../../test/conformance/store.ts'
import { FlotillaError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { systemClock } from '../io/clock.ts'
import { fakeDriverFactory, fakeMachine } from '../testing/fake-driver.ts'
import type { FakeMachine } from '../testing/fake-driver.ts'
import { createHost, resumeHost } from './create.ts'
import type { CreateContext, HostWanted } from './create.ts'
import { unfinishedStep } from './creation.ts'
import { fileStore } from './store-files.ts'
import type { Store } from './store.ts'

const folder = mkdtempSync(join(tmpdir(), 'create-'))
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Trial {
  readonly machine: FakeMachine
  readonly store: Store
  readonly lines: string[]
  readonly ctx: CreateContext
  readonly wanted: HostWanted
}

function trial(more: Partial<HostWanted> = {}): Trial {
  const machine = fakeMachine()
  const store = fileStore(mkdtempSync(join(folder, 'root-')), systemClock)
  const lines: string[] = []
  const note = (line: string): void => void lines.push(line)
  const log: Log = { debug() {}, warn: note, error: note, info: note }
  const { options } = makeHost('web')
  const ctx: CreateContext = {
    store,
    clock: systemClock,
    random: { next: () => 0 },
    env: {},
    log,
    user: 'ada',
    keyKind: 'ecdsa',
    loadProvisioners: async () => [],
    openSsh: () => {
      throw new Error('no SSH here')
    },
  }
  const wanted: HostWanted = {
    name: 'web',
    driverName: 'fake',
    factory: fakeDriverFactory(machine),
    driverOptions: {},
    engine: options.EngineOptions,
    swarm: options.SwarmOptions,
    paths: {},
    sans: ['127.0.0.1'],
    isRolledBack: false,
    ...more,
  }
  // The engine: a TLS server with exactly the files the driver was given.
  machine.during.set('configureEngine', async () => {
    const file = (name: string): string =>
      machine.setup?.files.find((entry) => entry.path === `/etc/docker/${name}`)?.content ?? ''
    const tls = { ca: file('ca.pem'), cert: file('server.pem'), key: file('server-key.pem') }
    const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (socket) => {
      socket.on('error', () => {})
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'))
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    machine.url = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  return { machine, store, lines, ctx, wanted }
}

describe('creating a machine', () => {
  it('goes from checks to an engine that answers over TLS, and stores what the driver learned', async () => {
    const { machine, store, lines, ctx, wanted } = trial()
    await createHost(wanted, ctx, {})
    expect(machine.calls.filter((name) => name !== 'engineUrl')).toEqual(['precheck', 'create', 'configureEngine'])
    expect(lines.slice(2)).toEqual([
      'Running pre-create checks...',
      'Creating machine...',
      'Waiting for machine to be running, this may take a few minutes...',
      'Copying certs to the local machine directory...',
      'Setting Docker configuration on the remote daemon...',
      'Checking connection to Docker...',
      'Docker is up and running!',
    ])
    const host = await store.load('web')
    expect(host.driver).toMatchObject({ Id: 'made', IPAddress: '192.0.2.1', MachineName: 'web' })
    expect(host.options.AuthOptions.ServerCertSANs).toEqual(['127.0.0.1'])
    expect(machine.setup?.files.map((file) => [file.path, file.mode])).toEqual([
      ['/etc/docker/ca.pem', 0o644],
      ['/etc/docker/server.pem', 0o644],
      ['/etc/docker/server-key.pem', 0o600],
    ])
  })

  it('the record is there before the driver makes anything', async () => {
    const { machine, store, ctx, wanted } = trial()
    let seen: readonly string[] = []
    machine.during.set('create', async () => {
      seen = await store.list()
    })
    await createHost(wanted, ctx, {})
    expect(seen).toEqual(['web'])
  })

  it('a failed check is exit code 3, Go-quoted, and leaves nothing', async () => {
    const { machine, store, ctx, wanted } = trial()
    machine.failures = { precheck: new FlotillaError('machine/precheck', 'no "thing"') }
    await expect(createHost(wanted, ctx, {})).rejects.toMatchObject({
      message: 'Error with pre-create check: "no \\"thing\\""',
      exitCode: 3,
    })
    expect(await store.list()).toEqual([])
  })

  it('wrong flags say so and leave nothing', async () => {
    const { store, ctx, wanted } = trial({ driverOptions: { 'fake-wrong': true } })
    await expect(createHost(wanted, ctx, {})).rejects.toThrow(
      'Error setting machine configuration from flags provided: wrong flags',
    )
    expect(await store.list()).toEqual([])
  })

  it('a failed creation keeps the record with what the driver knew, and says what is still there', async () => {
    const { machine, store, ctx, wanted } = trial()
    machine.failures = { create: new Error('quota') }
    await expect(createHost(wanted, ctx, {})).rejects.toMatchObject({
      message: 'Error creating machine: Error in driver during machine creation: quota',
      hint: 'still there: whatever driver "fake" had made, the record in the store; "docker-machine rm web" removes it',
    })
    expect((await store.load('web')).driver).toMatchObject({ Id: 'half-made' })
    expect(machine.calls).not.toContain('remove')
  })

  it('with rollback a failed creation takes away what it made', async () => {
    const { machine, store, ctx, wanted } = trial({ isRolledBack: true })
    machine.failures = { configureEngine: new Error('no engine') }
    await expect(createHost(wanted, ctx, {})).rejects.toThrow(
      'Error creating machine: Error running provisioning: no engine',
    )
    expect(machine.calls.at(-1)).toBe('remove')
    expect(await store.list()).toEqual([])
  })

  it('a rollback that fails does not hide why the creation did', async () => {
    const { machine, store, lines, ctx, wanted } = trial({ isRolledBack: true })
    machine.failures = { configureEngine: new Error('no engine'), remove: new Error('no network') }
    await expect(createHost(wanted, ctx, {})).rejects.toMatchObject({
      message: 'Error creating machine: Error running provisioning: no engine',
      hint: expect.stringContaining('"docker-machine rm web" removes it') as string,
    })
    expect(lines.at(-1)).toBe('cannot remove what was made of "web": no network')
    expect(await store.list()).toEqual(['web'])
  })

  it('cancelling is not a failure of the driver, and leaves the record', async () => {
    const { machine, store, lines, ctx, wanted } = trial()
    const controller = new AbortController()
    machine.during.set('create', async () => {
      controller.abort()
      throw controller.signal.reason
    })
    await expect(createHost(wanted, ctx, { signal: controller.signal })).rejects.toMatchObject({ code: 'core/aborted' })
    expect(lines.at(-1)).toMatch(/^Cancelled; still there: .*"docker-machine rm web" removes it$/)
    expect(await store.list()).toEqual(['web'])
  })

  it('of two at once one goes on and the other is told that the name is taken', async () => {
    const first = trial()
    const second = { ...first.wanted, factory: fakeDriverFactory(first.machine) }
    const results = await Promise.allSettled([
      createHost(first.wanted, first.ctx, {}),
      createHost(second, first.ctx, {}),
    ])
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
    const lost = results.find((result) => result.status === 'rejected')
    expect(lost?.reason).toMatchObject({ code: 'machine/exists', message: 'Docker machine "web" already exists' })
    expect(first.machine.calls.filter((name) => name === 'create')).toHaveLength(1)
  })

  it('a name that is no name is refused before anything is looked at', async () => {
    const { machine, ctx, wanted } = trial({ name: '../web' })
    await expect(createHost(wanted, ctx, {})).rejects.toMatchObject({ code: 'machine/invalid-name' })
    expect(machine.calls).toEqual([])
  })
})

describe('a creation that was interrupted', () => {
  it('is marked in the record until it is complete', async () => {
    const { machine, store, ctx, wanted } = trial()
    const seen: (string | undefined)[] = []
    const note = async (): Promise<void> => void seen.push(unfinishedStep(await store.load('web')))
    machine.during.set('create', note)
    const configure = machine.during.get('configureEngine')
    machine.during.set('configureEngine', async () => {
      await note()
      await configure?.()
    })
    await createHost({ ...wanted, extra: { Pool: 'ci' } }, ctx, {})
    expect(seen).toEqual(['driver', 'provision'])
    const host = await store.load('web')
    expect(unfinishedStep(host)).toBeUndefined()
    expect(host.extra).toEqual({ Pool: 'ci' })
  })

  it('has in its record what the driver knew of the machine by then', async () => {
    const { machine, store, ctx, wanted } = trial()
    const seen: unknown[] = []
    machine.during.set('create', async () => void seen.push((await store.load('web')).driver))
    await createHost(wanted, ctx, {})
    expect(seen).toMatchObject([{ Id: 'half-made' }])
  })

  it('goes on where only provisioning was left, without making the machine again', async () => {
    const { machine, store, ctx, wanted } = trial()
    machine.failures = { configureEngine: new Error('no engine') }
    await expect(createHost(wanted, ctx, {})).rejects.toThrow('no engine')
    machine.failures = {}
    await resumeHost('web', wanted.factory, ctx, {})
    expect(machine.calls.filter((call) => call === 'create')).toHaveLength(1)
    expect(unfinishedStep(await store.load('web'))).toBeUndefined()
    await expect(resumeHost('web', wanted.factory, ctx, {})).rejects.toMatchObject({ code: 'machine/state' })
  })

  it('is begun anew where the driver had not finished, what it had made is taken away first', async () => {
    const { machine, ctx, wanted } = trial()
    machine.failures = { create: new Error('quota') }
    await expect(createHost(wanted, ctx, {})).rejects.toThrow('quota')
    machine.failures = {}
    await resumeHost('web', wanted.factory, ctx, {})
    expect(machine.calls.filter((call) => ['create', 'remove', 'configureEngine'].includes(call))).toEqual([
      'create',
      'remove',
      'create',
      'configureEngine',
    ])
  })

  it('options that the driver cannot honour are refused before anything is there', async () => {
    const { store, ctx, wanted } = trial()
    const engine = { ...wanted.engine, EngineVersion: '28' }
    await expect(createHost({ ...wanted, engine }, ctx, {})).rejects.toThrow('driver "fake" takes no --engine-version')
    expect(await store.list()).toEqual([])
  })
})
