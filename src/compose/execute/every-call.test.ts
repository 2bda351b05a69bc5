import { describe, expect, it } from 'vitest'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { dependsOn, dictionary, project, service } from '../../testing/compose-builders.ts'
import { failAtCall } from '../../testing/failing-engine.ts'
import type { CallFailure } from '../../testing/failing-engine.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { converge } from '../converge.ts'
import type { Project } from '../model/project.ts'
import { LABEL } from '../plan/label.ts'
import { defaultReconcileOptions } from '../plan/options.ts'

/**
 * An `up` with any one of its calls failing in any way leaves running what can run, nothing under a temporary name, and the
 * next one does the rest.
 */

const marked = (version: string) => ({ labels: dictionary({ version }) })

/** Everything at once: what is replaced, waits, is restarted, lives in another, keeps a volume without a name. */
const replaced = (version: string): Project => {
  const onDb = dependsOn({ on: 'db', condition: 'service_healthy' })
  return project([
    service('db', { ...marked(version), healthcheck: { test: ['CMD', 'true'] } }),
    service('web', { ...marked(version), depends_on: onDb, volumes: [{ type: 'volume', target: '/data' }] }),
    service('app', { depends_on: dependsOn({ on: 'web', restart: true }) }),
    service('side', { network_mode: 'service:db', depends_on: dependsOn('db') }),
  ])
}

const renewed = (version: string): Project =>
  project(
    [
      service('a'),
      service('b', { depends_on: dependsOn('a') }),
      service('c', { ...marked(version), network_mode: 'none' }),
    ],
    { networks: { default: marked(version) } },
  )

async function up(engine: Engine, wanted: Project, signal?: AbortSignal): Promise<boolean> {
  const reconcile = { ...defaultReconcileOptions, timeoutSeconds: 1 }
  const silent = { progress: () => {}, warn: () => {}, ask: () => Promise.resolve(true) }
  const how = { reconcile, pull: 'missing', clock: systemClock, parallel: 8, ...silent } as const
  return converge(engine, wanted, { ...how, ...(signal !== undefined && { signal }) }).then(
    () => true,
    () => false,
  )
}

async function startEngine(): Promise<{ fake: FakeEngine; engine: Engine; close: () => Promise<void> }> {
  const fake = await startFakeEngine({ images: ['busybox:latest'] })
  // The check of whoever has one passes.
  fake.state.signals.on('event', ({ Action: action, Actor: { ID: id } }: { Action: string; Actor: { ID: string } }) => {
    if (action !== 'start' || fake.state.containers.get(id)?.health !== 'starting') return
    setImmediate(() => fake.setHealth(id, 'healthy'))
  })
  const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  return {
    fake,
    engine,
    async close() {
      await engine.close()
      await fake.stop()
    },
  }
}

const containersOf = (fake: FakeEngine) => [...fake.state.containers.values()]
const serviceOf = ({ config }: ReturnType<typeof containersOf>[number]): string => config.Labels?.[LABEL.service] ?? ''
const runningOf = (fake: FakeEngine): readonly string[] =>
  containersOf(fake)
    .filter(({ status }) => status === 'running')
    .map(serviceOf)
const volumesOf = (fake: FakeEngine): readonly string[] =>
  containersOf(fake).flatMap(({ hostConfig }) => (hostConfig.Mounts ?? []).map(({ Source: source }) => source ?? ''))

/** What cannot run when this call is refused: what it was to start, and what is replaced and starts after it. */
function mayBeDown(fake: FakeEngine, call: string, wanted: Project): readonly string[] {
  const id = /^POST \/containers\/(\w+)\/start$/.exec(call)?.[1] ?? ''
  const own = fake.state.containers.get(id)
  if (own === undefined) return []
  const name = serviceOf(own)
  const after = Object.values(wanted.services).filter(
    ({ depends_on: needed }) => needed?.[name]?.restart === undefined && needed?.[name] !== undefined,
  )
  return [name, ...after.map((each) => each.name)]
}

describe.each([
  ['that replaces containers', replaced],
  ['that makes a network anew', renewed],
])('an up %s', (_, want) => {
  it.each<CallFailure>(['refused', 'lost', 'killed late'])(
    'one of whose calls is %s',
    async (failure) => {
      for (let at = 1, isThere = true; isThere; at += 1) {
        const { fake, engine, close } = await startEngine()
        expect(await up(engine, want('1'))).toBe(true)
        const [running, volumes] = [runningOf(fake), volumesOf(fake)]
        const failing = failAtCall(engine, at, failure)
        const isDone = await up(failing.engine, want('2'), failing.signal)
        const failed = failing.failed()
        isThere = failed !== undefined
        const where = `${at}: ${failed}`
        if (failed !== undefined && (failure === 'refused' || failure === 'lost')) {
          const down = failure === 'refused' ? mayBeDown(fake, failed, want('2')) : []
          expect(runningOf(fake), where).toEqual(expect.arrayContaining(running.filter((name) => !down.includes(name))))
          expect(
            containersOf(fake).filter(({ name }) => !name.startsWith('p-')),
            where,
          ).toEqual([])
        }
        expect(isDone, where).toBe(!isThere)
        expect(await up(engine, want('2')), where).toBe(true)
        const ends = containersOf(fake).map(
          ({ name, status, config }) => `${name} ${status} ${config.Labels?.['version'] ?? '2'}`,
        )
        const wanted = Object.keys(want('2').services).map((name) => `p-${name}-1 running 2`)
        expect(ends.sort(), where).toEqual(wanted.sort())
        expect(volumesOf(fake), where).toEqual(volumes)
        const sent = fake.requests.length
        expect(await up(engine, want('2')), where).toBe(true)
        expect(
          fake.requests.slice(sent).filter(({ method }) => method !== 'GET' && method !== 'HEAD'),
          where,
        ).toEqual([])
        await close()
      }
    },
    60_000,
  )
})
