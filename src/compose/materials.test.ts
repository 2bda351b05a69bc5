import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEngine } from '../engine/client.ts'
import type { Engine } from '../engine/engine.ts'
import { systemClock } from '../io/clock.ts'
import { dictionary, project, service } from '../testing/compose-builders.ts'
import { startFakeEngine } from '../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../testing/fake-engine/fake-engine.ts'
import { converge } from './converge.ts'
import type { ConvergeOptions } from './converge.ts'
import { makeDictionary, mapDictionary } from './model/dictionary.ts'
import type { Project } from './model/project.ts'
import { observe } from './observe.ts'
import { FILES_LABEL, LABEL } from './plan/label.ts'
import type { ObservedContainer } from './plan/observed.ts'
import { defaultReconcileOptions } from './plan/options.ts'
import { renderPlan } from './plan/plan.ts'
import type { Plan } from './plan/plan.ts'

/** What configs and secrets hold on the whole way to containers, on a fake engine. */

let fake: FakeEngine
let engine: Engine
let folder: string

beforeEach(async () => {
  fake = await startFakeEngine({ images: ['busybox:latest'] })
  engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  folder = await mkdtemp(join(tmpdir(), 'materials-'))
})

afterEach(async () => {
  await engine.close()
  await fake.stop()
  await rm(folder, { recursive: true, force: true })
})

function wanted(password: string, content = 'a=1'): Project {
  const web = service('web', {
    command: ['sleep', '1000'],
    secrets: [{ source: 'password' }, { source: 'key' }],
    configs: [{ source: 'app', target: '/etc/app.conf' }],
  })
  return project([web], {
    secrets: dictionary({
      password: { name: 'p_password', environment: 'PASSWORD' },
      key: { name: 'p_key', file: join(folder, 'key') },
    }),
    configs: dictionary({ app: { name: 'p_app', content } }),
    environment: password === '' ? makeDictionary() : dictionary({ PASSWORD: password }),
  })
}

async function up(want: Project, isRemote = true, extra: Partial<ConvergeOptions> = {}): Promise<Plan> {
  const options = { reconcile: defaultReconcileOptions, pull: 'policy', clock: systemClock, parallel: 8 } as const
  return converge(engine, want, {
    ...options,
    isRemote,
    progress() {},
    warn() {},
    ask: () => Promise.resolve(true),
    ...extra,
  })
}

async function only(): Promise<ObservedContainer> {
  const { containers } = await observe(engine, { project: 'p' })
  expect(containers).toHaveLength(1)
  return containers[0]!
}

describe('contents of configs and secrets', () => {
  it('are in the container before it starts, and nowhere else', async () => {
    await writeFile(join(folder, 'key'), 'KEYKEY')
    const plan = await up(wanted('hunter2'))
    const calls = fake.requests.map(({ method, path }) => `${method} ${path.replace(/[0-9a-f]{64}/, 'ID')}`)
    const order = calls.filter((call) => /PUT|start$/.test(call))
    expect(order).toEqual(['PUT /containers/ID/archive', 'POST /containers/ID/start'])
    const { labels } = await only()
    expect(labels[FILES_LABEL]).toMatch(/^secret:password=[\w-]{12},secret:key=[\w-]{12},config:app=[\w-]{12}$/)
    expect(`${JSON.stringify(labels)}${renderPlan(plan)}`).not.toMatch(/hunter2|KEYKEY|a=1/)
  })

  it('never take the place of a folder, which the engine would empty', async () => {
    await writeFile(join(folder, 'key'), 'KEYKEY')
    await up(wanted('hunter2'))
    const copies = fake.requests.filter(({ method }) => method === 'PUT').map(({ query }) => query)
    expect(copies).toEqual([{ path: '/', noOverwriteDirNonDir: 'true' }])
  })

  it('replace the container when they change, and leave it alone when they do not', async () => {
    await writeFile(join(folder, 'key'), 'one')
    await up(wanted('x'))
    const first = await only()
    expect((await up(wanted('x'))).steps).toEqual([])
    expect(renderPlan(await up(wanted('y')))).toContain('content of secret password changed')
    await writeFile(join(folder, 'key'), 'two')
    expect(renderPlan(await up(wanted('y')))).toContain('content of secret key changed')
    expect(renderPlan(await up(wanted('y', 'a=2')))).toContain('content of config app changed')
    const last = await only()
    expect(last.id).not.toBe(first.id)
    expect(last.labels[LABEL.configHash]).toBe(first.labels[LABEL.configHash])
  })

  it('that are missing end it before anything is made', async () => {
    await writeFile(join(folder, 'key'), 'one')
    await expect(up(wanted(''))).rejects.toThrow(
      'environment variable "PASSWORD" required by secret "p_password" is not set',
    )
    await rm(join(folder, 'key'))
    await expect(up(wanted('x'))).rejects.toThrow(`secret "key": open ${join(folder, 'key')}: no such file`)
    expect((await observe(engine, { project: 'p' })).containers).toEqual([])
  })

  it('that were not written because the run was cut short are written by the next', async () => {
    await writeFile(join(folder, 'key'), 'one')
    const want = wanted('x')
    const options = { reconcile: { ...defaultReconcileOptions, start: false }, pull: 'policy', parallel: 8 } as const
    await converge(engine, want, {
      ...options,
      clock: systemClock,
      isRemote: true,
      progress() {},
      warn() {},
      ask: () => Promise.resolve(true),
    })
    expect(renderPlan(await up(want))).toMatch(
      /copy-files secret password, secret key, config app[\s\S]*start-container/,
    )
  })

  it('that a successor was left without, because an update was cut short, are written by the next', async () => {
    await writeFile(join(folder, 'key'), 'one')
    const rolling = (version: string): Project => {
      const { services, ...rest } = wanted('x')
      const deploy = { update_config: { monitor: 1e6, order: 'start-first' } } as const
      const labels = dictionary({ version })
      return { ...rest, services: mapDictionary(services, (service) => ({ ...service, labels, deploy })) }
    }
    await up(rolling('1'))
    // The successor is made, and nothing of the rest is done.
    for (const path of [/archive$/, /^\/containers\/[0-9a-f]+$/]) {
      const method = path.source.includes('archive') ? 'PUT' : 'DELETE'
      fake.fail({ method, path, fault: { kind: 'status', status: 500, message: 'cut' }, times: 1 })
    }
    await expect(up(rolling('2'))).rejects.toThrow('cut')
    expect((await observe(engine, { project: 'p' })).containers.map(({ state }) => state)).toEqual([
      'created',
      'running',
    ])
    expect(renderPlan(await up(rolling('2')))).toMatch(
      /copy-files secret password, secret key, config app[\s\S]*start-container/,
    )
    expect((await only()).labels['version']).toBe('2')
  })

  it('are read and fingerprinted once under the lock of the project, and the engine is asked for nothing twice', async () => {
    await writeFile(join(folder, 'key'), 'one')
    const body = JSON.stringify({ Spec: { Data: Buffer.from('of a swarm').toString('base64') } })
    fake.fail({
      method: 'GET',
      path: /^\/configs\/shared$/,
      fault: { kind: 'reply', status: 200, contentType: 'application/json', body },
    })
    const { configs, ...rest } = wanted('x')
    const shared = { ...rest, configs: { ...configs, app: { name: 'shared', external: true } } }
    const from = fake.requests.length
    await up(shared, true, { lock: { command: 'test' } })
    const reads = fake.requests
      .slice(from)
      .filter(({ method }) => method === 'GET')
      .map(({ path }) => path.replace(/[0-9a-f]{64}/, 'ID'))
    const counts = reads.reduce((seen, path) => seen.set(path, (seen.get(path) ?? 0) + 1), new Map<string, number>())
    expect(Object.fromEntries(counts)).toEqual({
      '/_ping': 1,
      '/version': 1,
      '/configs/shared': 1,
      // Before the lock, and under it.
      '/containers/json': 2,
      '/images/json': 2,
      '/networks': 2,
      // The lock looks before it is taken, and once more then.
      '/volumes': 4,
    })
  })

  it('are planned for anew when somebody else changed the project while the lock was waited for', async () => {
    await writeFile(join(folder, 'key'), 'one')
    const other = up(wanted('x'), true, { lock: { command: 'other' } })
    const plan = await up(wanted('x'), true, { lock: { command: 'test' } })
    const plans = [await other, plan].map(
      ({ steps }) => steps.filter(({ op }) => op.kind === 'create-container').length,
    )
    expect(plans.sort((a, b) => a - b)).toEqual([0, 1])
    await only()
  })
})
