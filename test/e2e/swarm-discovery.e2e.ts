import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineInfo } from '../../src/engine/api/system.ts'
import { openEngine } from '../../src/engine/client.ts'
import { issueCertificate, makeCa } from '../../src/io/certificates.ts'
import { systemClock } from '../../src/io/clock.ts'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { ProgramForm, ProgramName, RunResult } from './programs.ts'
import { eventually } from './swarm-cluster.ts'

/** The built programs with our own token service: create, join, list, manage, over a restart and the end of an engine. */

const folder = mkdtempSync(join(tmpdir(), 'flotilla-tokens-'))
const children: ChildProcess[] = []
let engines: readonly FakeEngine[] = []

beforeAll(async () => {
  ensurePrograms()
  engines = await Promise.all(['one', 'two'].map((name) => startFakeEngine({ name, id: name })))
}, 120_000)
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
  await Promise.all(engines.map((engine) => engine.stop()))
  rmSync(folder, { recursive: true, force: true })
})

interface Daemon {
  log(): string
  /** Ends it in good order. @returns its exit code */
  end(): Promise<number | null>
}

async function startDaemon(
  form: ProgramForm,
  program: ProgramName,
  args: readonly string[],
  until: RegExp,
): Promise<Daemon> {
  const child = form.start(program, args)
  children.push(child)
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()))
  await eventually(() => until.test(log) || child.exitCode !== null, 20_000, `${program} ${args.join(' ')}`)
  expect(log, `${program} ${args.join(' ')}`).toMatch(until)
  return {
    log: () => log,
    async end() {
      child.kill('SIGTERM')
      await eventually(() => child.exitCode !== null, 15_000, `the end of ${program}`)
      return child.exitCode
    },
  }
}

function addressOf({ endpoint }: FakeEngine): string {
  return endpoint.kind === 'tcp' ? `${endpoint.host}:${endpoint.port}` : ''
}

describe.each(programForms)('a cluster found by a token ($name)', (form) => {
  // The folder is made, as an operator's first one would be.
  const state = join(folder, `${form.name}-kept`, 'tokens.json')
  let url = ''
  let service: Daemon
  const swarm = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> =>
    form.run('swarm', args, { env: { SWARM_DISCOVERY_SERVICE: url, ...env } })

  it('is created, joined, listed, managed, survives a restart of the service, and forgets who leaves', async () => {
    const serve = (host: string): Promise<Daemon> =>
      startDaemon(form, 'flotilla', ['discovery', 'serve', '-H', host, '--state', state], /Serving tokens" addr=(\S+)/)
    service = await serve('127.0.0.1:0')
    const address = /Serving tokens" addr="?tcp:\/\/([^\s"]+)/.exec(service.log())?.[1] ?? ''
    url = `http://${address}`

    const created = await swarm(['create'])
    expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{32}\n$/) })
    expect(created.stderr.trim().split('\n')).toHaveLength(3)
    const token = created.stdout.trim()
    const discovery = `token://${url}/v1/${token}`

    const joins = await Promise.all(
      engines.map((engine) =>
        startDaemon(
          form,
          'swarm',
          ['join', '--advertise', addressOf(engine), '--heartbeat', '1s', '--ttl', '30s', discovery],
          /Registering on the discovery service every 1s\.\.\." addr=/,
        ),
      ),
    )
    const all = engines.map(addressOf).sort()
    const list = async (): Promise<readonly string[]> =>
      (await swarm(['list', `token://${token}`])).stdout.trim().split('\n')
    await eventually(async () => (await list()).join() === all.join(), 10_000, 'both registrations')

    const socket = join(folder, `${form.name}.sock`)
    const manager = await startDaemon(
      form,
      'swarm',
      ['manage', '--heartbeat', '1s', '-H', `unix://${socket}`, discovery],
      /Listening/,
    )
    const engine = openEngine({ kind: 'unix', path: socket }, { clock: systemClock, userAgent: 'test' })
    const healthy = async (): Promise<number> =>
      JSON.stringify((await engineInfo(engine)).SystemStatus).match(/Healthy/g)?.length ?? 0
    await eventually(async () => (await healthy()) === 2, 15_000, 'both engines in the cluster')

    expect(await service.end()).toBe(0)
    service = await serve(address)
    expect(await list()).toEqual(all)

    expect(await joins[1]!.end()).toBe(0)
    expect(await list()).toEqual([addressOf(engines[0]!)])
    await eventually(async () => (await healthy()) === 1, 15_000, 'the end of the second engine')
    await engine.close()
    expect(await joins[0]!.end()).toBe(0)
    expect(await manager.end()).toBe(0)
    expect(await service.end()).toBe(0)
    for (const text of [manager.log(), ...joins.map((join) => join.log())]) expect(text).not.toContain(token)
  })

  it('needs TLS or a word about it where other computers listen', async () => {
    const refused = await form.run('flotilla', ['discovery', 'serve', '-H', '0.0.0.0:0'])
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('tokens would cross the network unencrypted'),
    })
    const ca = await makeCa({
      organization: 'test',
      keyKind: 'ecdsa',
      commonName: 'authority',
      nowMs: Date.now(),
      days: 10,
    })
    const leaf = { organization: 'test', keyKind: 'ecdsa', commonName: 'service', nowMs: Date.now(), days: 5 } as const
    const pair = await issueCertificate(ca, { ...leaf, usages: ['server'], names: ['127.0.0.1'] })
    const files = { ca: ca.cert, cert: pair.cert, key: pair.key }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.pem`), text)
    const pem = (name: string): string => join(folder, `${name}.pem`)
    const tls = ['--tls', '--tlscert', pem('cert'), '--tlskey', pem('key')]
    const secure = await startDaemon(
      form,
      'flotilla',
      ['discovery', 'serve', '-H', '0.0.0.0:0', ...tls],
      /Serving tokens/,
    )
    const port = /addr="?tcp:\/\/0\.0\.0\.0:(\d+)/.exec(secure.log())?.[1] ?? ''
    const service = `https://127.0.0.1:${port}`
    const created = await form.run('swarm', ['create', '--service', service, '--tlscacert', pem('ca')])
    expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{32}\n$/) })
    const flags = ['--discovery-opt', `kv.cacertfile=${pem('ca')}`, '--timeout', '5s']
    const listed = await form.run('swarm', ['list', ...flags, `token://127.0.0.1:${port}/v1/${created.stdout.trim()}`])
    expect(listed).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
    const untrusted = await form.run('swarm', ['create', '--service', service])
    expect(untrusted).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot reach https:\/\/127\.0\.0\.1:\d+: /),
    })
    expect(await secure.end()).toBe(0)
  })
})

describe('swarm create without a service', () => {
  it('says that Docker Hub’s is gone and how to run one', async () => {
    const { code, stderr } = await programForms[0]!.run('swarm', ['create'])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d the service of Docker Hub that kept tokens has been gone since 2017\nhint: /,
    )
  })
})

describe('the port of Docker itself', () => {
  it('in use is said in the words that scripts know', async () => {
    const isTaken = await new Promise<boolean>((resolve) => {
      const probe = connect(2375, '127.0.0.1')
      probe.once('connect', () => {
        probe.destroy()
        resolve(true)
      })
      probe.once('error', () => resolve(false))
    })
    const first = isTaken
      ? undefined
      : await startDaemon(programForms[0]!, 'swarm', ['manage', `nodes://${addressOf(engines[0]!)}`], /Listening/)
    const second = await programForms[0]!.run('swarm', ['manage', 'nodes://a:1'])
    expect(second).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(
        'bind: address already in use: is Docker already running on this machine? Try using a different port"\n',
      ),
    })
    await first?.end()
  })
})
