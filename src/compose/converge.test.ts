import { afterEach, describe, expect, it } from 'vitest'
import type { ProgressEvent } from '../core/progress.ts'
import { removeContainer } from '../engine/api/containers.ts'
import { openEngine } from '../engine/client.ts'
import type { Engine } from '../engine/engine.ts'
import { toReadOnly } from '../engine/read-only.ts'
import { systemClock } from '../io/clock.ts'
import { pollUntil } from '../io/process-identity.ts'
import { dependsOn, dictionary, project, service } from '../testing/compose-builders.ts'
import { startFakeEngine } from '../testing/fake-engine/fake-engine.ts'
import type { FakeEngine, FakeEngineOptions } from '../testing/fake-engine/fake-engine.ts'
import { converge } from './converge.ts'
import type { ConvergeOptions } from './converge.ts'
import { execute } from './execute.ts'
import type { Project } from './model/project.ts'
import { observe } from './observe.ts'
import { planDown } from './plan/down.ts'
import { defaultReconcileOptions } from './plan/options.ts'
import type { Question } from './plan/plan.ts'

/** The whole way from project to engine calls, on a fake engine. */

const open: { fake: FakeEngine; engine: Engine }[] = []

afterEach(async () => {
  for (const { fake, engine } of open.splice(0)) {
    await engine.close()
    await fake.stop()
  }
})

async function start(options: FakeEngineOptions = {}): Promise<{ fake: FakeEngine; engine: Engine }> {
  const fake = await startFakeEngine({ images: ['busybox:latest'], ...options })
  const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  open.push({ fake, engine })
  return { fake, engine }
}

it('says what the engine says of a container it makes', async () => {
  const { engine } = await start({ createWarnings: ['no swap here', 'nor memory'] })
  const { lines } = await up(engine, project([service('web')]))
  expect(lines.filter((line) => line.startsWith('web '))).toEqual(['web no swap here', 'web nor memory'])
})

interface Ran {
  readonly lines: readonly string[]
  readonly warnings: readonly string[]
  readonly questions: readonly Question[]
}

async function up(engine: Engine, want: Project, extra: Partial<ConvergeOptions> = {}): Promise<Ran> {
  const lines: string[] = []
  const warnings: string[] = []
  const questions: Question[] = []
  await converge(engine, want, {
    reconcile: defaultReconcileOptions,
    pull: 'policy',
    clock: systemClock,
    progress: (event: ProgressEvent) => lines.push(`${event.id} ${event.text}`),
    parallel: 8,
    warn: (message) => warnings.push(message),
    ask(question) {
      questions.push(question)
      return Promise.resolve(true)
    },
    ...extra,
  })
  return { lines, warnings, questions }
}

it('pulls and makes for the default platform what names none, and its hash stays', async () => {
  const { fake, engine } = await start({ images: ['here:1'], registry: ['away:1'] })
  const services = [service('a', { image: 'away:1' }), service('b', { image: 'here:1', platform: 'linux/amd64' })]
  const environment = dictionary({ DOCKER_DEFAULT_PLATFORM: 'linux/arm64' })
  await up(engine, project(services, { environment }))
  const asked = fake.requests.flatMap(({ method, path, query }) =>
    method === 'POST' && path.endsWith('/create') && query['platform'] !== undefined
      ? [`${path} ${query['platform']}`]
      : [],
  )
  expect(asked.sort()).toEqual([
    '/containers/create linux/amd64',
    '/containers/create linux/arm64',
    '/images/create linux/arm64',
  ])
  const before = fake.requests.length
  await up(engine, project(services))
  expect(mutations(fake, before)).toEqual([])
})

function mutations(fake: FakeEngine, from = 0): readonly string[] {
  return fake.requests
    .slice(from)
    .flatMap(({ method, path }) => (method === 'GET' || method === 'HEAD' ? [] : [`${method} ${path}`]))
}

const sleeper = { command: ['sleep', '1000'] }

describe('converge', () => {
  it('refuses two services with one container name before anything is asked of the engine', async () => {
    const { fake, engine } = await start()
    const twice = project([service('a', { container_name: 'same' }), service('b', { container_name: 'same' })])
    await expect(up(engine, twice)).rejects.toThrow('container name "same" is already in use by service a')
    expect(mutations(fake)).toEqual([])
  })

  it('does a dry run on an engine that refuses every change', async () => {
    const { fake, engine } = await start()
    const first = project([service('web', sleeper), service('db', sleeper)])
    await up(engine, first)
    const from = fake.requests.length
    const next = project([service('web', { command: ['sleep', '2'] }), service('new', { image: 'absent' })])
    const options = { isDryRun: true, reconcile: { ...defaultReconcileOptions, orphans: 'remove' } } as const
    const { lines } = await up(toReadOnly(engine), next, options)
    expect(lines).toEqual(
      expect.arrayContaining(['new Pulling', 'Container p-web-1 Recreated', 'Container p-db-1 Removed']),
    )
    expect(mutations(fake, from)).toEqual([])
    await expect(up(toReadOnly(engine), next)).rejects.toThrow('POST /images/create is not made in a dry run')
  })

  it('makes and starts what is missing and says so in the words of the reference program', async () => {
    const { fake, engine } = await start()
    const want = project([service('web', { ...sleeper, depends_on: dependsOn('db') }), service('db', sleeper)])
    const { lines } = await up(engine, want)
    expect([...lines].sort()).toEqual([
      'Container p-db-1 Created',
      'Container p-db-1 Creating',
      'Container p-db-1 Started',
      'Container p-db-1 Starting',
      'Container p-web-1 Created',
      'Container p-web-1 Creating',
      'Container p-web-1 Started',
      'Container p-web-1 Starting',
      'Network p_default Created',
      'Network p_default Creating',
    ])
    expect(lines.indexOf('Container p-web-1 Starting')).toBeGreaterThan(lines.indexOf('Container p-db-1 Started'))
    expect(mutations(fake)).toHaveLength(5)
  })

  it('with nothing to do makes four list calls and no other', async () => {
    const { fake, engine } = await start()
    const want = project([service('web', { ...sleeper, scale: 3 }), service('db', sleeper)])
    await up(engine, want)
    const before = fake.requests.length
    const { lines } = await up(engine, want)
    expect(lines).toEqual(['db-1', 'web-1', 'web-2', 'web-3'].map((name) => `Container p-${name} Running`))
    expect(
      fake.requests
        .slice(before)
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    ).toEqual(['GET /containers/json', 'GET /images/json', 'GET /networks', 'GET /volumes'])
  })

  it('twice at once, under the lock of the project, makes everything once', async () => {
    const { fake, engine } = await start()
    const want = project([service('web', { ...sleeper, scale: 3 }), service('db', sleeper)])
    await Promise.all([1, 2].map(() => up(engine, want, { lock: { command: 'test' } })))
    const made = mutations(fake).filter((call) => call === 'POST /containers/create')
    expect([made.length, fake.state.containers.size, fake.state.volumes.size]).toEqual([4, 4, 0])
  })

  it('pulls a missing image once, however many services use it', async () => {
    const { fake, engine } = await start({ images: [], registry: ['busybox:latest'] })
    await up(engine, project([service('a', sleeper), service('b', sleeper)]))
    expect(mutations(fake).filter((line) => line === 'POST /images/create')).toHaveLength(1)
  })

  it('changes nothing in a dry run', async () => {
    const { fake, engine } = await start()
    const { lines } = await up(engine, project([service('web', sleeper)]), { isDryRun: true })
    expect(lines).toContain('Container p-web-1 Started')
    expect(mutations(fake)).toEqual([])
  })

  it('touches nothing when a service is to share with one that has no container and gets none', async () => {
    const { fake, engine } = await start()
    const guest = service('guest', { ...sleeper, network_mode: 'service:host' })
    const want = project([service('host', { ...sleeper, scale: 0 }), guest, service('other', sleeper)])
    await expect(up(engine, want)).rejects.toThrow(
      'cannot share namespace or volumes with service host: container missing',
    )
    expect(mutations(fake)).toEqual([])
  })

  it('asks before it makes a volume anew', async () => {
    const { engine } = await start()
    const web = service('web', { ...sleeper, volumes: [{ type: 'volume', source: 'data', target: '/data' }] })
    await up(engine, project([web], { volumes: { data: {} } }))
    const other = project([web], { volumes: { data: { labels: dictionary({ a: 'b' }) } } })
    const { questions } = await up(engine, other)
    expect(questions.map((question) => question.id)).toEqual(['volume:p_data'])
    const observed = await observe(engine, { project: 'p' })
    expect(observed.volumes.map((volume) => volume.labels['a'])).toEqual(['b'])
    expect(observed.containers.map((container) => container.state)).toEqual(['running'])
  })

  it.each([
    [undefined, 6],
    [2, 2],
  ])('makes, starts, ends and removes at most %s containers at once: %i of 6', async (changing, most) => {
    const { engine } = await start()
    const pace = { ...(changing !== undefined && { changing: () => changing }) }
    const coming = countAtOnce({ Creating: 'Created', Starting: 'Started' })
    await up(engine, six, { ...pace, progress: coming.progress })
    expect(coming.most()).toBe(most)

    const going = countAtOnce({ Stopping: 'Stopped', Removing: 'Removed' })
    const plan = planDown(await observe(engine, { project: 'p' }), { ...downOfP, timeoutSeconds: 0 })
    await execute(plan, engine, { clock: systemClock, parallel: 64, ...pace, progress: going.progress })
    expect(going.most()).toBe(most)
  })

  it('stops all at once where programs are given time to end', async () => {
    const { engine } = await start()
    await up(engine, six)
    const stopping = countAtOnce({ Stopping: 'Stopped' })
    const plan = planDown(await observe(engine, { project: 'p' }), { ...downOfP, timeoutSeconds: 5 })
    await execute(plan, engine, { clock: systemClock, parallel: 64, changing: () => 2, progress: stopping.progress })
    expect(stopping.most()).toBe(6)
  })

  it('down takes away what up made', async () => {
    const { engine } = await start()
    const want = project([service('web', { ...sleeper, depends_on: dependsOn('db') }), service('db', sleeper)])
    await up(engine, want)
    const observed = await observe(engine, { project: 'p' })
    const plan = planDown(observed, { projectName: 'p', services: [], removeOrphans: false, removeVolumes: true })
    await execute(plan, engine, { clock: systemClock, progress() {}, parallel: 8 })
    const left = await observe(engine, { project: 'p' })
    expect([left.containers, left.networks, left.volumes]).toEqual([[], [], []])
  })
})

const six = project(Array.from({ length: 6 }, (_, index) => service(`s${index}`, sleeper)))
const downOfP = { projectName: 'p', services: [], removeOrphans: false, removeVolumes: false }

/** Counts containers that are between the first and the second of such words. */
function countAtOnce(words: Readonly<Record<string, string>>) {
  const underWay = new Set<string>()
  let most = 0
  return {
    most: () => most,
    progress: ({ id, text }: ProgressEvent): void => {
      if (!id.startsWith('Container')) return
      for (const [begun, done] of Object.entries(words)) {
        if (text === begun) underWay.add(`${id} ${begun}`)
        if (text === done) underWay.delete(`${id} ${begun}`)
      }
      most = Math.max(most, underWay.size)
    },
  }
}

describe('failures', () => {
  const many = project(Array.from({ length: 6 }, (_, index) => service(`s${index}`, sleeper)))

  it('begins nothing after the first failure and names the thing and the reason', async () => {
    const { fake, engine } = await start()
    fake.fail({
      method: 'POST',
      path: /^\/containers\/create$/,
      fault: { kind: 'status', status: 500, message: 'disk full' },
      times: 1,
    })
    await expect(up(engine, many, { parallel: 1 })).rejects.toMatchObject({
      message: 'Error response from daemon: disk full',
      hint: 'this happened at Container p-s0-1, step create-container',
    })
    expect(mutations(fake)).toEqual(['POST /networks/create', 'POST /containers/create'])
  })

  it('names an engine whose answer is not an engine’s', async () => {
    const { fake, engine } = await start()
    fake.fail({
      method: 'POST',
      path: /^\/containers\/create$/,
      fault: { kind: 'reply', status: 500, contentType: 'text/plain', body: 'boom' },
      times: 1,
    })
    await expect(up(engine, many, { parallel: 1 })).rejects.toMatchObject({
      message: 'Error response from daemon: boom',
      hint: expect.stringMatching(
        /^this happened at Container p-s0-1, step create-container; engine "\S+" answered 500/,
      ),
    })
  })

  it('names an engine that goes in the middle, and the next one finishes the work', async () => {
    const { fake, engine } = await start()
    const names = ['a', 'b', 'c', 'd']
    const want = project(
      names.map((name, index) =>
        service(name, index === 0 ? sleeper : { ...sleeper, depends_on: dependsOn(names[index - 1]!) }),
      ),
    )
    const address = `tcp://127.0.0.1:${fake.endpoint.kind === 'tcp' ? fake.endpoint.port : ''}`
    const failed = up(engine, want, {
      beforeStart: ({ service: name }) => (name === 'b' ? fake.stop() : Promise.resolve()),
    })
    await expect(failed).rejects.toThrow(`cannot reach engine "${address}": `)
    await fake.start()
    await up(engine, want)
    const made = [...fake.state.containers.values()].map(({ name, status }) => `${name} ${status}`)
    expect(made.sort()).toEqual(names.map((name) => `p-${name}-1 running`))
  })

  it('reports every failure of what was under way', async () => {
    const { fake, engine } = await start()
    fake.fail({
      method: 'POST',
      path: /^\/containers\/create$/,
      fault: { kind: 'status', status: 500, message: 'disk full' },
    })
    const error = await up(engine, many, { parallel: 3 }).catch((thrown: unknown) => thrown)
    const lines = (error as Error).message.split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toBe('Container p-s0-1: Error response from daemon: disk full')
  })

  it('stops when cancelled', async () => {
    const { fake, engine } = await start()
    const stop = new AbortController()
    const cancelled = up(engine, many, {
      parallel: 1,
      signal: stop.signal,
      progress(event) {
        if (event.text === 'Created' && event.id.startsWith('Container')) stop.abort()
      },
    })
    await expect(cancelled).rejects.toMatchObject({ code: 'core/aborted' })
    expect(mutations(fake)).toEqual(['POST /networks/create', 'POST /containers/create'])
  })

  it('keeps the old container when the new one is refused', async () => {
    const { fake, engine } = await start()
    await up(engine, project([service('web', sleeper)]))
    const [before] = (await observe(engine, { project: 'p' })).containers
    fake.fail({ method: 'POST', path: /^\/containers\/create$/, fault: { kind: 'status', status: 409, message: 'no' } })
    const changed = project([service('web', { ...sleeper, environment: dictionary({ A: '1' }) })])
    await expect(up(engine, changed)).rejects.toThrow('Error response from daemon: no')
    const [after] = (await observe(engine, { project: 'p' })).containers
    expect([after?.id, after?.state]).toEqual([before?.id, 'running'])
  })

  it('what fails is named in the words of docker-compose 2.40', async () => {
    const { fake, engine } = await start()
    await up(engine, project([service('web', sleeper)]))
    const seen = await observe(engine, { project: 'p' })
    const said = async (path: RegExp, work: (events: ProgressEvent[]) => Promise<unknown>): Promise<string> => {
      const events: ProgressEvent[] = []
      const heal = fake.fail({ path, fault: { kind: 'status', status: 500, message: 'no\nway' } })
      await expect(work(events)).rejects.toThrow('Error response from daemon: no\nway')
      heal()
      const { id, text, detail } = events.find(({ status }) => status === 'error')!
      return [id, text, detail].filter((part) => part !== undefined).join(' ')
    }
    const down = (events: ProgressEvent[]): Promise<unknown> => {
      const plan = planDown(seen, { projectName: 'p', services: [], removeOrphans: false, removeVolumes: false })
      return execute(plan, engine, { clock: systemClock, progress: (event) => void events.push(event), parallel: 8 })
    }
    const more = project([service('web', sleeper), service('more', sleeper)])
    const grow = (events: ProgressEvent[]): Promise<unknown> =>
      up(engine, more, { progress: (event) => void events.push(event) })
    expect(await said(/^\/containers\/create$/, grow)).toBe('Container p-more-1 Error response from daemon: no way')
    expect(await said(/\/stop$/, down)).toBe('Container p-web-1 Error while Stopping')
    expect(await said(/^\/containers\/[0-9a-f]{64}$/, down)).toBe('Container p-web-1 Error while Removing')
  })

  it('a network that cannot be made is named with the reason', async () => {
    const { fake, engine } = await start()
    fake.fail({ path: /^\/networks\/create$/, fault: { kind: 'status', status: 500, message: 'no' } })
    const events: ProgressEvent[] = []
    const upping = up(engine, project([service('web', sleeper)]), { progress: (event) => void events.push(event) })
    await expect(upping).rejects.toThrow('failed to create network p_default: Error response from daemon: no')
    expect(events.at(-1)).toEqual({ id: 'Network p_default', status: 'error', text: 'Error' })
  })

  it('a container that the engine is removing already is waited for', async () => {
    const { fake, engine } = await start()
    await up(engine, project([service('web', sleeper)]))
    const observed = await observe(engine, { project: 'p' })
    const id = observed.containers[0]!.id
    const message = `removal of container ${id} is already in progress`
    fake.fail({ method: 'DELETE', path: /^\/containers\//, times: 1, fault: { kind: 'status', status: 409, message } })
    const plan = planDown(observed, { projectName: 'p', services: [], removeOrphans: false, removeVolumes: false })
    const events: string[] = []
    const isRefused = (): Promise<boolean> =>
      pollUntil(async () => fake.requests.some((each) => each.method === 'DELETE'), 20_000, systemClock)
    await execute(plan, engine, {
      clock: systemClock,
      parallel: 8,
      progress({ id: name, text }) {
        events.push(`${name} ${text}`)
        // The engine gets to it.
        if (text === 'Removing' && name.startsWith('Container'))
          void isRefused().then(() => removeContainer(engine, id))
      },
    })
    expect(events).toEqual([
      'Container p-web-1 Stopping',
      'Container p-web-1 Stopped',
      'Container p-web-1 Removing',
      'Container p-web-1 Removed',
      'Network p_default Removing',
      'Network p_default Removed',
    ])
  })

  it('a network that is still in use is a warning', async () => {
    const { fake, engine } = await start()
    await up(engine, project([service('web', sleeper)]))
    const observed = await observe(engine, { project: 'p' })
    fake.fail({
      method: 'DELETE',
      path: /^\/networks\//,
      fault: { kind: 'status', status: 403, message: 'has active endpoints' },
    })
    const events: ProgressEvent[] = []
    const plan = planDown(observed, { projectName: 'p', services: [], removeOrphans: false, removeVolumes: false })
    await execute(plan, engine, { clock: systemClock, progress: (event) => void events.push(event), parallel: 8 })
    expect(events.at(-1)).toEqual({
      id: 'Network p_default',
      status: 'warning',
      text: 'Resource is still in use',
    })
  })
})

describe('waiting', () => {
  const db = (extra: Parameters<typeof service>[1] = {}): ReturnType<typeof service> =>
    service('db', { ...sleeper, healthcheck: { test: ['CMD', 'true'] }, ...extra })
  const web = service('web', { ...sleeper, depends_on: dependsOn({ on: 'db', condition: 'service_healthy' }) })

  async function upWith(
    change: (fake: FakeEngine, id: string) => void,
    progress: (event: ProgressEvent) => void = () => {},
  ): Promise<Ran> {
    const { fake, engine } = await start()
    return up(engine, project([db(), web]), {
      progress,
      async beforeStart(container) {
        if (container.service === 'db') setTimeout(() => change(fake, container.id), 50)
      },
    })
  }

  it('goes on as soon as the dependency is healthy', async () => {
    await upWith((fake, id) => fake.setHealth(id, 'healthy'))
  })

  it('fails when the dependency is unhealthy', async () => {
    const events: ProgressEvent[] = []
    const failing = upWith(
      (fake, id) => fake.setHealth(id, 'unhealthy'),
      (event) => void events.push(event),
    )
    await expect(failing).rejects.toThrow('dependency failed to start: container p-db-1 is unhealthy')
    expect(events.at(-1)).toEqual({ id: 'Container p-db-1', status: 'error', text: 'Error' })
  })

  it('shows what the last check of an unhealthy dependency said, and no more than its end', async () => {
    const said = (text: string): Promise<Ran> => upWith((fake, id) => fake.setHealth(id, 'unhealthy', text))
    await expect(said('port 5432: refused\n')).rejects.toMatchObject({
      hint: expect.stringMatching(
        /p-db-1.*; its last health check ended with 1 and said: port 5432: refused$/,
      ) as string,
    })
    await expect(said('x'.repeat(5000))).rejects.toMatchObject({
      hint: expect.stringMatching(/said: …x{300}$/) as string,
    })
    await expect(said('')).rejects.toMatchObject({ hint: expect.stringMatching(/ended with 1$/) as string })
  })

  it('shows what the last check of each unhealthy dependency said', async () => {
    const { fake, engine } = await start()
    const check = { ...sleeper, healthcheck: { test: ['CMD', 'true'] } }
    const names = ['db', 'queue', 'cache']
    const needs = service('web', {
      ...sleeper,
      depends_on: dependsOn(...names.map((on) => ({ on, condition: 'service_healthy' as const }))),
    })
    const ids = new Map<string, string>()
    const failed = up(engine, project([...names.map((name) => service(name, check)), needs]), {
      progress() {},
      async beforeStart({ service: name, id }) {
        ids.set(name, id)
        if (ids.size < names.length) return
        setTimeout(() => {
          for (const [each, of] of ids) fake.setHealth(of, 'unhealthy', `${each} is full`)
        }, 50)
      },
    })
    const error = (await failed.catch((thrown: unknown) => thrown)) as { message: string; hint: string }
    expect(error.message.split('\n').sort()).toEqual(
      ['cache', 'db', 'queue'].map(
        (name) => `Container p-${name}-1: dependency failed to start: container p-${name}-1 is unhealthy`,
      ),
    )
    expect(error.hint.split('\n').sort()).toEqual(
      ['cache', 'db', 'queue'].map(
        (name) => `Container p-${name}-1: its last health check ended with 1 and said: ${name} is full`,
      ),
    )
  })

  it('ends at the limit that was asked for, with what the last check said', async () => {
    const { fake, engine } = await start()
    const failed = up(engine, project([db(), web]), {
      waitLimitMs: 200,
      async beforeStart({ id }) {
        fake.setHealth(id, 'starting', 'not yet')
      },
    })
    await expect(failed).rejects.toMatchObject({
      message: 'dependency failed to start: container p-db-1 is not healthy after 0.2s',
      hint: expect.stringContaining('said: not yet') as string,
    })
    expect([...fake.state.containers.values()].map(({ name, status }) => `${name} ${status}`).sort()).toEqual([
      'p-db-1 running',
      'p-web-1 created',
    ])
  })

  it('fails when the dependency has no health check', async () => {
    const { engine } = await start()
    const plain = project([service('db', sleeper), web])
    await expect(up(engine, plain)).rejects.toThrow(
      'dependency failed to start: container p-db-1 has no healthcheck configured',
    )
  })

  it('fails when what should complete fails, and goes on when it is not required', async () => {
    const { engine } = await start()
    const job = service('job', { command: ['sh', '-c', 'exit 3'] })
    const needs = (required: boolean): Project =>
      project([
        job,
        service('web', {
          ...sleeper,
          depends_on: dependsOn({ on: 'job', condition: 'service_completed_successfully', required }),
        }),
      ])
    await expect(up(engine, needs(true))).rejects.toThrow(`service "job" didn't complete successfully: exit 3`)
    const { lines } = await up(engine, needs(false))
    expect(lines).toContain('Container p-web-1 Started')
  })
})
