import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { ChildProcess } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { renderEndpoint } from '../../src/engine/endpoint-parse.ts'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'
import { eventually } from './swarm-cluster.ts'

/**
 * A large `up` and its `down`, killed at many of their steps, and a manager killed under them: the same command again
 * finishes the work, and there is never anything twice (reliability.md F-M2, I10).
 */

const count = 30
const project = 'big'

let folder = ''
let engines: FakeEngine[] = []
const managers: ChildProcess[] = []

beforeAll(() => {
  ensurePrograms()
})

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-compose-crash-'))
  await mkdir(join(folder, project))
  const services = Array.from({ length: count }, (_, at) => {
    const after = at % 5 === 0 ? '' : `, depends_on: [s${at - 1}]`
    return `  s${at}: { image: "app:1", command: sleep 600, volumes: ["v${at % 3}:/data"]${after} }`
  })
  const text = `services:\n${services.join('\n')}\nvolumes: { v0: {}, v1: {}, v2: {} }\n`
  await writeFile(join(folder, project, 'compose.yaml'), text)
})

afterEach(async () => {
  for (const manager of managers.splice(0)) manager.kill('SIGKILL')
  await Promise.all(engines.splice(0).map((engine) => engine.stop()))
  await rm(folder, { recursive: true, force: true })
})

async function startEngines(names: readonly string[]): Promise<void> {
  const options = { cpus: 64, memoryBytes: 2 ** 36, images: ['app:1'] }
  engines = await Promise.all(names.map((name) => startFakeEngine({ name, ...options })))
}

function compose(host: string, args: readonly string[], failpoints = ''): Promise<RunResult> {
  const form = programForms[0]
  if (form === undefined) throw new Error('no program form')
  const env = { DOCKER_HOST: host, HOME: folder, FLOTILLA_FAILPOINTS: failpoints }
  return form.run('docker-compose', args, { cwd: join(folder, project), env, timeoutMs: 120_000 })
}

/** `NAME STATE` of every container on every engine, past all managers. */
function containers(): readonly string[] {
  return engines
    .flatMap((engine) => [...engine.state.containers.values()].map(({ name, status }) => `${name} ${status}`))
    .toSorted()
}

/** What is left of the project besides its containers. */
function remains(): readonly string[] {
  return engines.flatMap((engine) => [
    ...[...engine.state.networks.values()].map((each) => each.Name).filter((name) => name.startsWith(`${project}_`)),
    ...[...engine.state.volumes.keys()].filter((name) => name.startsWith(`${project}_`)),
  ])
}

const whole: readonly string[] = Array.from({ length: count }, (_, at) => `${project}-s${at}-1 running`).toSorted()

async function ok(host: string, args: readonly string[]): Promise<RunResult> {
  const result = await compose(host, args)
  expect(result.code, `${args.join(' ')}\n${result.stderr}`).toBe(0)
  return result
}

describe('a project of thirty services', () => {
  it('whose up is killed again and again is brought up by the next, once; the same for its down', async () => {
    await startEngines(['a'])
    const host = renderEndpoint(engines[0]!.endpoint)
    // Each try gets a little further: networks and volumes, creates, starts.
    for (const failpoint of ['compose.beforeStep=2*kill', 'compose.afterStep=9*kill', 'compose.afterStep=15*kill']) {
      const killed = await compose(host, ['up', '-d'], failpoint)
      expect(killed.signal, `${failpoint}\n${killed.stderr}`).toBe('SIGKILL')
      const names = containers().map((line) => line.split(' ')[0])
      expect(new Set(names).size).toBe(names.length)
    }
    await ok(host, ['up', '-d'])
    expect(containers()).toEqual(whole)
    for (const failpoint of ['compose.afterStep=1*kill', 'compose.beforeStep=20*kill', 'compose.afterStep=11*kill']) {
      const killed = await compose(host, ['down', '-v', '-t', '0'], failpoint)
      expect(killed.signal, `${failpoint}\n${killed.stderr}`).toBe('SIGKILL')
    }
    await ok(host, ['down', '-v', '-t', '0'])
    expect([...containers(), ...remains()]).toEqual([])
  }, 180_000)

  it('that is up is left alone by the next up', async () => {
    await startEngines(['a'])
    const host = renderEndpoint(engines[0]!.endpoint)
    await ok(host, ['up', '-d'])
    const before = containers()
    const sent = engines[0]!.requests.length
    await ok(host, ['up', '-d'])
    expect(containers()).toEqual(before)
    const changes = engines[0]!.requests.slice(sent).filter(({ method }) => method !== 'GET' && method !== 'HEAD')
    // Its lock is a volume.
    expect(changes.filter(({ path }) => !path.startsWith('/volumes'))).toEqual([])
  }, 120_000)
})

describe('a project of thirty services behind a manager', () => {
  const socket = (): string => join(folder, 'swarm.sock')

  async function startManager(failpoints = ''): Promise<ChildProcess> {
    const form = programForms[0]
    if (form === undefined) throw new Error('no program form')
    const addresses = engines.map((engine) => renderEndpoint(engine.endpoint).replace('tcp://', ''))
    const args = ['manage', '-H', `unix://${socket()}`, `nodes://${addresses.join(',')}`]
    const child = form.start('swarm', args, { env: { FLOTILLA_FAILPOINTS: failpoints } })
    managers.push(child)
    let log = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()))
    await eventually(() => log.match(/Registered Engine/g)?.length === engines.length, 30_000, 'registration')
    return child
  }

  it('goes on under an up when managers are killed and started anew, and has everything once', async () => {
    await startEngines(['a', 'b', 'c'])
    const host = `unix://${socket()}`
    const first = await startManager('create.beforeEngineCall=5*kill')
    const up = ok(host, ['up', '-d'])
    await eventually(() => first.signalCode === 'SIGKILL', 30_000, 'the end of the first manager')
    const second = await startManager('create.afterEngineReply=8*kill')
    await eventually(() => second.signalCode === 'SIGKILL', 30_000, 'the end of the second manager')
    const names = containers().map((line) => line.split(' ')[0])
    expect(new Set(names).size).toBe(names.length)
    await startManager()
    await up
    expect(containers()).toEqual(whole)
    await ok(host, ['down', '-v', '-t', '0'])
    expect([...containers(), ...remains()]).toEqual([])
  }, 180_000)
})
