import { afterEach, describe, expect, it } from 'vitest'
import type { Engine } from '../engine/engine.ts'
import { openEngine } from '../engine/client.ts'
import { systemClock } from '../io/clock.ts'
import { dependsOn, dictionary, project, service } from '../testing/compose-builders.ts'
import { startFakeEngine } from '../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../testing/fake-engine/fake-engine.ts'
import { execute } from './execute.ts'
import type { UpdateConfig } from './model/deploy.ts'
import type { Project } from './model/project.ts'
import { observe } from './observe.ts'
import { rosterOfProject } from './plan/dependency.ts'
import { planDown } from './plan/down.ts'
import type { Observed } from './plan/observed.ts'
import { defaultReconcileOptions } from './plan/options.ts'
import { isQuestions } from './plan/plan.ts'
import type { Plan } from './plan/plan.ts'
import { reconcile } from './plan/reconcile.ts'
import { planVerb } from './plan/verbs.ts'

/** Projects on a cluster of which a node does not answer, or that fail in the middle of a replacement. */

const open: { fake: FakeEngine; engine: Engine }[] = []

afterEach(async () => {
  for (const { fake, engine } of open.splice(0)) {
    await engine.close()
    await fake.stop()
  }
})

function shop(version: string, update?: UpdateConfig, port?: string): Project {
  return project([
    service('db', { command: ['sleep', '1000'] }),
    service('web', {
      command: ['sleep', '1000'],
      environment: dictionary({ VERSION: version }),
      scale: port === undefined ? 3 : 1,
      depends_on: dependsOn('db'),
      ...(update !== undefined && { deploy: { update_config: update } }),
      ...(port !== undefined && { ports: [{ target: 80, published: port, protocol: 'tcp', mode: 'ingress' }] }),
    }),
  ])
}

function plan(want: Project, have: Observed): Plan {
  const outcome = reconcile(want, have, { ...defaultReconcileOptions, isCluster: true })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

async function run(steps: Plan, engine: Engine, parallel = 8): Promise<string> {
  try {
    await execute(steps, engine, { clock: systemClock, progress: () => {}, parallel })
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : 'not an error'
  }
}

const look = (engine: Engine): Promise<Observed> => observe(engine, { project: 'p', imageReferences: ['busybox'] }, {})

async function startFake(): Promise<{ fake: FakeEngine; engine: Engine }> {
  const fake = await startFakeEngine({ images: ['busybox:latest'] })
  const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  open.push({ fake, engine })
  return { fake, engine }
}

/** A project that runs; then the node of its second web container stops answering. */
async function startShop(): Promise<{ fake: FakeEngine; engine: Engine; have: Observed }> {
  const { fake, engine } = await startFake()
  expect(await run(plan(shop('1'), await look(engine)), engine)).toBe('')
  return { fake, engine, have: loseNode(fake, await look(engine), 'p-web-2') }
}

/** @returns what is seen when the node of a container does not answer any more */
function loseNode(fake: FakeEngine, found: Observed, name: string): Observed {
  const containers = found.containers.map((container) =>
    container.name === name ? { ...container, node: 'n2', status: 'Host Down' } : { ...container, node: 'n1' },
  )
  const lost = containers.find(({ node }) => node === 'n2')
  const message = `Container ${lost?.id ?? ''} running on unhealthy node n2`
  fake.fail({ path: new RegExp(`^/containers/${lost?.id ?? 'none'}`), fault: { kind: 'status', status: 500, message } })
  return { ...found, containers }
}

/** Names, states and versions of what there is. */
function seen(fake: FakeEngine): readonly string[] {
  return [...fake.state.containers.values()]
    .map(({ name, status, config }) => `${name} ${status} ${config.Env?.join(' ') ?? ''}`.trimEnd())
    .sort()
}

describe('a container on a node that does not answer', () => {
  it.each([
    ['in an update of all at once', undefined],
    ['in a rolling update', { order: 'start-first', parallelism: 1, monitor: 1e6 }],
    ['in a rolling update that rolls back', { order: 'stop-first', failure_action: 'rollback', monitor: 1e6 }],
  ] as const)('stays as it is %s; the others are replaced, and up fails with its name', async (_, update) => {
    const { fake, engine, have } = await startShop()
    const steps = plan(shop('2', update), have)
    expect(steps.warnings).toContain('node n2 does not answer: nothing can be done to p-web-2 until it does')
    expect(await run(steps, engine)).toContain('running on unhealthy node n2')
    expect(seen(fake)).toEqual([
      'p-db-1 running',
      'p-web-1 running VERSION=2',
      'p-web-2 running VERSION=1',
      'p-web-3 running VERSION=2',
    ])
  })

  it.each([['8000'], [undefined]])('keeps what waits for it as it is (host port %s)', async (port) => {
    const { fake, engine } = await startFake()
    const app = (version: string, condition: 'service_started' | 'service_healthy'): Project => {
      const { db, web } = shop(version, undefined, port).services
      const waiting = { ...web!, depends_on: dependsOn({ on: 'db', condition }) }
      return project([{ ...db!, healthcheck: { test: ['CMD', 'true'], interval: 1e8 } }, waiting])
    }
    expect(await run(plan(app('1', 'service_started'), await look(engine)), engine)).toBe('')
    const have = loseNode(fake, await look(engine), 'p-db-1')
    expect(await run(plan(app('2', 'service_healthy'), have), engine)).toContain('running on unhealthy node n2')
    const web = seen(fake).filter((line) => !line.startsWith('p-db'))
    expect(web).toEqual(
      Array.from({ length: port === undefined ? 3 : 1 }, (_, index) => `p-web-${index + 1} running VERSION=1`),
    )
  })

  it('is all that down leaves', async () => {
    const { fake, engine, have } = await startShop()
    const down = planDown(have, {
      projectName: 'p',
      project: shop('1'),
      services: [],
      removeOrphans: false,
      removeVolumes: false,
    })
    expect(await run(down, engine)).toContain('running on unhealthy node n2')
    expect(seen(fake)).toEqual(['p-web-2 running VERSION=1'])
  })

  it('holds up no stop of what it depends on', async () => {
    const { fake, engine, have } = await startShop()
    const stop = planVerb({ kind: 'stop' }, rosterOfProject(shop('1'), have), [])
    expect(await run(stop, engine)).toContain('running on unhealthy node n2')
    expect(seen(fake).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'p-db-1 exited',
      'p-web-1 exited',
      'p-web-2 running',
      'p-web-3 exited',
    ])
  })
})

describe('a failure elsewhere', () => {
  it('leaves no container stopped that is made anew', async () => {
    const { fake, engine } = await startFake()
    const before = shop('1', undefined, '8000')
    expect(await run(plan(before, await look(engine)), engine)).toBe('')
    const after = shop('2', undefined, '8000')
    const late = service('late', { image: 'nowhere:1', volumes: [{ type: 'volume', source: 'data', target: '/data' }] })
    const want = {
      ...after,
      services: dictionary({ ...after.services, late }),
      // Made by a call of its own, as it is no node's.
      volumes: dictionary({ data: { name: 'p_data', driver_opts: dictionary({ type: 'nfs' }) } }),
    }
    // One call at a time: its volume keeps `late` behind the stop of the old container.
    const have = await look(engine)
    expect(await run(plan(want, have), engine, 1)).toContain('nowhere:1')
    expect(seen(fake)).toEqual(['p-db-1 running', 'p-web-1 running VERSION=2'])
  })
})
