import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { armFailpoints } from '../../io/failpoint.ts'
import { systemClock } from '../../io/clock.ts'
import { dictionary, project, service } from '../../testing/compose-builders.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { converge } from '../converge.ts'
import type { UpdateConfig } from '../model/deploy.ts'
import type { Project } from '../model/project.ts'
import { observeContainers } from '../observe.ts'
import { defaultReconcileOptions } from '../plan/options.ts'

/** Updates on a fake engine, whose programs run or fail as their version says. */

const millisecond = 1e6

describe('an update', () => {
  let fake: FakeEngine
  let engine: Engine
  let lines: string[] = []
  let startedBad = 0

  beforeEach(async () => {
    fake = await startFakeEngine({
      images: ['busybox:latest'],
      programs: {
        async serve(own) {
          // Of `bad-2` the second one fails, and all after it; with one more at first, the third.
          const failing = own.args.find((word) => word.startsWith('bad'))
          const isGood = failing === 'bad-2' && (startedBad += 1) <= 1
          if (failing !== undefined && !isGood) {
            own.write('stderr', 'no configuration\n')
            return 3
          }
          await new Promise((resolve) => {
            own.signal.addEventListener('abort', resolve, { once: true })
          })
          return 0
        },
      },
    })
    engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
    lines = []
    startedBad = 0
  })
  afterEach(async () => {
    armFailpoints([])
    await engine.close()
    await fake.stop()
  })

  function want(version: string, config: UpdateConfig, scale = 3, rollback: UpdateConfig = {}): Project {
    const update = { monitor: 10 * millisecond, order: 'start-first', ...config } as const
    const web = {
      scale,
      command: ['serve', version],
      labels: dictionary({ version }),
      deploy: { update_config: update, rollback_config: { monitor: 10 * millisecond, ...rollback } },
    }
    return project([service('web', web)])
  }

  async function up(wanted: Project): Promise<void> {
    await converge(engine, wanted, {
      reconcile: { ...defaultReconcileOptions, timeoutSeconds: 1 },
      pull: 'policy',
      clock: systemClock,
      progress: ({ id, text, detail }) => lines.push(`${id} ${text}${detail === undefined ? '' : `: ${detail}`}`),
      parallel: 8,
      warn: () => {},
      ask: () => Promise.resolve(false),
    })
  }

  async function failure(wanted: Project): Promise<FlotillaError> {
    const error: unknown = await up(wanted).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (!(error instanceof FlotillaError)) throw new Error('it did not fail')
    return error
  }

  const state = async (): Promise<readonly string[]> =>
    (await observeContainers(engine, 'p')).map(
      ({ name, state: now, labels }) => `${name} ${now} ${labels['version'] ?? ''}`,
    )
  const all = (version: string): readonly string[] => [1, 2, 3].map((number) => `p-web-${number} running ${version}`)

  it('passes when every container has run for its time', async () => {
    await up(want('1', {}))
    await up(want('2', { delay: 10 * millisecond }))
    expect(await state()).toEqual(all('2'))
  })

  it('that rolls back leaves the containers that were there, and tells what the failed one said', async () => {
    await up(want('1', {}))
    const before = (await observeContainers(engine, 'p')).map(({ id }) => id)
    for (const order of ['start-first', 'stop-first'] as const) {
      const error = await failure(want('bad', { failure_action: 'rollback', order, parallelism: 2 }))
      expect(error.message).toMatch(/^update of service "web" rolled back.*container p-web-[12] exited \(3\)/)
      expect(error.hint).toContain('its last output: no configuration')
      expect(await state()).toEqual(all('1'))
      expect((await observeContainers(engine, 'p')).map(({ id }) => id)).toEqual(before)
    }
  })

  it.each(['start-first', 'stop-first'] as const)(
    'that rolls back, %s, takes back the batches before the one that failed, too',
    async (order) => {
      await up(want('1', {}))
      const before = (await observeContainers(engine, 'p')).map(({ id }) => id)
      const error = await failure(want('bad-2', { failure_action: 'rollback', order }))
      expect(error.message).toMatch(/^update of service "web" rolled back.*container p-web-2 exited \(3\)/)
      expect(await state()).toEqual(all('1'))
      expect((await observeContainers(engine, 'p')).map(({ id }) => id)).toEqual(before)
    },
  )

  describe('one of whose old containers cannot be brought back', () => {
    /** The version before, and the ID of its last container, whose node is to be gone from now on. */
    async function begin(): Promise<string> {
      await up(want('1', {}))
      return (await observeContainers(engine, 'p')).at(-1)?.id ?? ''
    }
    const lose = (id: string, verbs: RegExp): void => {
      const path = new RegExp(`^/containers/${id}/${verbs.source}`)
      fake.fail({ path, fault: { kind: 'status', status: 500, message: 'running on unhealthy node n3' } })
    }

    it('because its node is gone brings all others back, and says which it is', async () => {
      const lost = await begin()
      lose(lost, /(?:start|json)$/)
      const error = await failure(
        want('bad', { failure_action: 'rollback', order: 'stop-first', parallelism: 0 }, 3, { parallelism: 1 }),
      )
      expect(error.message).toMatch(
        /^update of service "web" rolled back \(p-web-1, p-web-2 as before\), but p-web-3 could not be brought back \(Error response from daemon: running on unhealthy node n3\): /,
      )
      expect(await state()).toHaveLength(3)
      expect((await state()).slice(0, 2)).toEqual(all('1').slice(0, 2))
    })

    it('though its node is there ends a way back that pauses, for those whose successors are good', async () => {
      const lost = await begin()
      lose(lost, /start$/)
      startedBad = -1
      const error = await failure(
        want('bad-2', { failure_action: 'rollback', order: 'stop-first' }, 3, { parallelism: 1 }),
      )
      expect(error.message).toMatch(
        /^update of service "web" rolled back, then paused \(p-web-1, p-web-2 not taken back\), but p-web-3 could not be/,
      )
      expect((await state()).filter((line) => line.includes('running')).length).toBe(2)
    })

    it('though its node is there does not end one that continues', async () => {
      const lost = await begin()
      lose(lost, /start$/)
      startedBad = -1
      const error = await failure(
        want('bad-2', { failure_action: 'rollback', order: 'stop-first' }, 3, { failure_action: 'continue' }),
      )
      expect(error.message).toMatch(/rolled back \(p-web-1, p-web-2 as before\), but p-web-3 could not be/)
      expect((await state()).slice(0, 2)).toEqual(all('1').slice(0, 2))
    })
  })

  it.each([
    [
      'and the engine answers',
      'start',
      /^update of service "web" rolled back \(p-web-1 as before\), but the successor of p-web-1 could not be removed \(Error response from daemon: no\): /,
    ],
    [
      'and the engine has gone',
      'any',
      /^update of service "web" could not be rolled back: the successor of p-web-1 could not be removed \(.*\): /,
    ],
  ])('whose leftover cannot be removed, %s, says so', async (_, what, says) => {
    await up(want('1', {}, 1))
    const fault = { kind: 'status', status: 500, message: 'no' } as const
    if (what === 'any') {
      fake.fail({ method: 'POST', path: /\/start$/, fault })
      fake.fail({ method: 'GET', path: /^\/containers\/.*\/json$/, fault })
    }
    fake.fail({ method: 'DELETE', path: /^\/containers\//, fault })
    const error = await failure(want('bad', { failure_action: 'rollback' }, 1))
    expect(error.message).toMatch(says)
  })

  it('whose way back ends before the old container runs is taken back by the next one that fails', async () => {
    await up(want('1', {}, 1))
    const before = (await observeContainers(engine, 'p')).map(({ id }) => id)
    const config = { failure_action: 'rollback', order: 'stop-first' } as const
    const path = new RegExp(`^/containers/${before[0] ?? ''}/start$`)
    const heal = fake.fail({ path, fault: { kind: 'status', status: 500, message: 'cut' } })
    expect((await failure(want('bad', config, 1))).message).toMatch(
      /^update of service "web" could not be rolled back: p-web-1 could not be brought back \(.* cut\): /,
    )
    heal()
    await failure(want('bad', config, 1))
    expect(await state()).toEqual(['p-web-1 running 1'])
    expect((await observeContainers(engine, 'p')).map(({ id }) => id)).toEqual(before)
  })

  it('of two services that both fail tells of each what became of it and what it said', async () => {
    const both = (version: string): Project => {
      const wanted = want(version, { failure_action: 'rollback', order: 'start-first', monitor: 300 * millisecond }, 1)
      const [[, web] = []] = Object.entries(wanted.services)
      if (web === undefined) throw new Error('there is no service')
      return project([web, service('api', { ...web, name: 'api' })])
    }
    await up(both('1'))
    const error = await failure(both('bad'))
    for (const name of ['web', 'api']) {
      expect(error.message).toContain(`update of service "${name}" rolled back`)
      expect(error.message).toMatch(new RegExp(`container p-${name}-[12] exited \\(3\\)`))
      expect(error.hint).toMatch(new RegExp(`^Container p-${name}-[12]: its last output: no configuration$`, 'm'))
    }
  })

  it('that pauses restores the batch that failed and leaves what was exchanged', async () => {
    await up(want('1', {}))
    const error = await failure(want('bad', { order: 'stop-first', max_failure_ratio: 0.4 }))
    expect(error.message).toMatch(/^update of service "web" paused \(p-web-2 as before\): container p-web-2 exited/)
    expect((await state()).slice(1)).toEqual(all('1').slice(1))
    expect((await state())[0]).toBe('p-web-1 exited bad')
  })

  it('that continues exchanges them all and warns', async () => {
    await up(want('1', {}))
    await up(want('bad', { failure_action: 'continue' }))
    expect(await state()).toEqual([1, 2, 3].map((number) => `p-web-${number} exited bad`))
    expect(lines.filter((line) => line.includes('the update goes on'))).toHaveLength(3)
  })

  it.each(['start-first', 'stop-first'] as const)(
    'that fails at any call, %s, is taken back or stands, and the next one finishes it',
    async (order) => {
      const action = { order, failure_action: 'rollback', parallelism: 2 } as const
      await up(want('0', action))
      // 3 containers of 6 calls each, and some more.
      for (let hit = 1; hit <= 20; hit += 3) {
        armFailpoints([{ name: 'compose.afterStep', action: { kind: 'error', message: 'cut' }, fromHit: hit }])
        const version = String(hit)
        await up(want(version, action)).catch(() => {})
        armFailpoints([])
        await up(want(version, action))
        expect(await state()).toEqual(all(version))
      }
    },
    60_000,
  )
})
