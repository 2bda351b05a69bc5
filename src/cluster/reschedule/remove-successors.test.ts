import { afterEach, describe, expect, it } from 'vitest'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { eventually } from '../../testing/manager-bed.ts'
import { startTenantBed } from '../../testing/tenant-bed.ts'
import type { Asks, TenantBed } from '../../testing/tenant-bed.ts'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import { memoryRecords } from './record-store.ts'
import { isUnreplaced } from './remove-successors.ts'

let bed: TenantBed | undefined
afterEach(async () => {
  await bed?.close()
  bed = undefined
})

interface Scene {
  readonly admin: Asks
  readonly first: FakeEngine
  readonly second: FakeEngine
  /** Of the container, which runs on the first node. */
  readonly id: string
}

async function start(): Promise<Scene> {
  const engine = { images: ['box:1'] }
  const records = memoryRecords()
  bed = await startTenantBed([engine, engine], undefined, { watch: { probeMs: 100, failureRetry: 2 }, records })
  const admin = bed.as('admin')
  const Env = ['constraint:node==~n1', 'reschedule:on-node-failure']
  const made = await admin('POST', '/containers/create?name=web', { Image: 'box:1', Cmd: ['sleep', '1000'], Env })
  const { Id: id } = JSON.parse(made.body) as { readonly Id: string }
  expect((await admin('POST', `/containers/${id}/start`)).status).toBe(204)
  await eventually(async () => (await records.list()).length === 1, 'the record')
  const [first, second] = bed.engines as [FakeEngine, FakeEngine]
  return { admin, first, second, id }
}

function isAsked(engine: FakeEngine, method: string, path: RegExp): boolean {
  return engine.requests.some((each) => each.method === method && path.test(each.path))
}

async function noneIsLeft({ admin, first, second }: Scene): Promise<void> {
  await eventually(() => first.state.containers.size + second.state.containers.size === 0, 'the end of all copies')
  await eventually(async () => (await admin('GET', '/flotilla/moves')).body.trim() === '[]', 'the end of the move')
  expect((await admin('GET', '/containers/json?all=1')).body.trim()).toBe('[]')
}

describe('a container that a client removes while it is moved', () => {
  it('is gone, although its new copy is about to take its place', async () => {
    const scene = await start()
    const { admin, second, id } = scene
    second.fail({ method: 'POST', path: /start$/, times: 1, fault: { kind: 'delay', ms: 800 } })
    await admin('POST', '/flotilla/nodes/n1/drain')
    await eventually(() => isAsked(second, 'POST', /start$/), 'the start of the new copy')
    expect((await admin('DELETE', `/containers/${id}?force=1`)).status).toBe(204)
    await noneIsLeft(scene)
  })

  it('is gone, although its node was given up before it answered', async () => {
    const scene = await start()
    const { admin, first, second, id } = scene
    first.fail({ method: 'DELETE', path: /containers/, times: 1, fault: { kind: 'delay', ms: 4000 } })
    const removed = admin('DELETE', `/containers/${id}?force=1`)
    await eventually(() => isAsked(first, 'DELETE', /containers/), 'the removal')
    const recover = first.fail({ method: 'GET', path: /./, fault: { kind: 'hang' } })
    await eventually(() => second.state.containers.size === 1, 'the new copy')
    expect((await removed).status).toBe(204)
    recover()
    await noneIsLeft(scene)
  })

  it('goes alone when it had been replaced before, and is asked for by its ID', async () => {
    const scene = await start()
    const { admin, first, second, id } = scene
    const recover = first.fail({ method: 'GET', path: /./, fault: { kind: 'hang' } })
    await eventually(() => second.state.containers.size === 1, 'the new copy')
    // What is left on a node that returns is removed at once otherwise.
    const refused = { kind: 'status', status: 500, message: 'not now' } as const
    const allow = first.fail({ method: 'DELETE', path: /containers/, fault: refused })
    recover()
    const isSeen = async (): Promise<boolean> => (await admin('GET', `/containers/${id}/json`)).status === 200
    await eventually(isSeen, 'the old one')
    allow()
    expect([204, 404]).toContain((await admin('DELETE', `/containers/${id}?force=1`)).status)
    await eventually(() => first.state.containers.size === 0, 'its end')
    expect(second.state.containers.size).toBe(1)
  })
})

describe('a container that a client removes through a manager that does not lead', () => {
  const labels = new Map([['flotilla.generation', '1']])
  const old = makeContainer('web', { swarmId: 's1234567890' })
  const isUnreplacedBy = (names: readonly string[]): boolean =>
    isUnreplaced(
      {
        rescheduler: { isReady: false, recordOf: () => undefined },
        cluster: {
          directory: {
            containersOfSwarmId: () => [
              { item: old, node: makeNode('n1') },
              { item: makeContainer('copy', { names, labels, swarmId: old.swarmId }), node: makeNode('n2') },
            ],
          },
        },
      },
      old,
    )

  it('is the container as long as its copy has a passing name, and not any more when that has its name', () => {
    expect(isUnreplacedBy(['web-moving-s1234567'])).toBe(true)
    expect(isUnreplacedBy(['web'])).toBe(false)
  })
})
