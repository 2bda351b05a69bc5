import { afterEach, describe, expect, it } from 'vitest'
import { eventually, startManagerBed } from '../../testing/manager-bed.ts'
import type { BedManager, ManagerBed } from '../../testing/manager-bed.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { memoryRecords } from './record-store.ts'
import type { RecordStore } from './record-store.ts'

const image = 'busybox:latest'
const policy = 'reschedule:on-node-failure'
const create = /^\/containers\/create$/

let bed: ManagerBed | undefined
afterEach(async () => {
  await bed?.close()
  bed = undefined
})

interface Scene {
  readonly store: RecordStore
  readonly manager: BedManager
  readonly engines: readonly FakeEngine[]
  readonly call: (method: string, path: string, body?: unknown) => Promise<void>
  /** The engine is not reached any more, or again. */
  readonly cut: (at: number, isCut: boolean) => Promise<void>
}

/** A container `web` with the policy on n1, and its record. */
async function startScene(count: number): Promise<Scene> {
  const store = memoryRecords()
  const names = Array.from({ length: count }, (_, index) => ({ name: `n${index + 1}`, images: [image] }))
  bed = await startManagerBed({ engines: names, managers: 1, endpoint: { records: store } })
  const { engines } = bed
  const manager = bed.managers[0] as BedManager
  const scene: Scene = {
    store,
    manager,
    engines,
    async call(method, path, body) {
      const answer = await manager.call(method, path, body)
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
    },
    async cut(at, isCut) {
      manager.ways[at]?.setFault({ kind: isCut ? 'refuse' : 'none' }, true)
      const name = `n${at + 1}`
      const state = isCut ? 'unhealthy' : 'healthy'
      const isSeen = (): boolean =>
        manager.endpoint.cluster.snapshot().nodes.find((node) => node.name === name)?.health.state === state
      await eventually(isSeen, `${name} ${state}`)
    },
  }
  const body = { Image: image, Cmd: ['serve'], Env: ['constraint:node==~n1', policy] }
  await scene.call('POST', '/containers/create?name=web', body)
  await scene.call('POST', '/containers/web/start')
  await eventually(async () => (await store.list()).length === 1, 'the record')
  return scene
}

/** The engine is asked for the new container, falls silent at once, and makes it all the same. */
async function cutAtCreate({ engines, cut }: Scene, at: number): Promise<void> {
  const engine = engines[at] as FakeEngine
  await eventually(() => engine.requests.some((each) => create.test(each.path)), 'the create')
  await cut(at, true)
  await eventually(() => engine.state.containers.size === 1, 'the copy nobody was told of')
}

async function keysOf(store: RecordStore): Promise<readonly string[]> {
  return (await store.list()).map(({ key }) => key.split('/')[0] ?? '')
}

describe('a copy of which its engine did not say whether it made it', () => {
  it('goes when the engine is back, although the container was removed meanwhile', async () => {
    const scene = await startScene(2)
    const { engines, store, manager, call, cut } = scene
    const second = engines[1] as FakeEngine
    second.fail({ path: create, times: 1, fault: { kind: 'lose-answer', afterMs: 500 } })
    await call('POST', '/flotilla/nodes/n1/drain')
    await cutAtCreate(scene, 1)
    await call('DELETE', '/containers/web?force=1')
    await eventually(async () => !(await keysOf(store)).includes('containers'), 'the end of the record', 60_000)
    expect(await keysOf(store)).toContain('removed')
    await cut(1, false)
    await eventually(() => second.state.containers.size === 0, 'the end of the copy')
    await eventually(async () => !(await keysOf(store)).includes('removed'), 'the end of the note')
    expect(await manager.get('/containers/json?all=1')).toEqual([])
  }, 90_000)

  it('goes also when another engine had taken the container over before that was removed', async () => {
    const scene = await startScene(3)
    const { engines, store, manager, call, cut } = scene
    const [first, second, third] = engines as [FakeEngine, FakeEngine, FakeEngine]
    second.fail({ path: create, times: 1, fault: { kind: 'lose-answer', afterMs: 500 } })
    await call('POST', '/flotilla/nodes/n3/cordon')
    await call('POST', '/flotilla/nodes/n1/drain')
    await cutAtCreate(scene, 1)
    await call('POST', '/flotilla/nodes/n3/undrain')
    const isThere = (): boolean => [...third.state.containers.values()].some((each) => each.status === 'running')
    await eventually(() => isThere() && first.state.containers.size === 0, 'the move')
    await eventually(async () => !(await store.list()).some(({ text }) => text.includes('"target":{')), 'its record')
    await call('DELETE', '/containers/web?force=1')
    await eventually(async () => !(await keysOf(store)).includes('containers'), 'the end of the record')
    await cut(1, false)
    await eventually(() => second.state.containers.size === 0, 'the end of the copy')
    expect(await manager.get('/containers/json?all=1')).toEqual([])
  }, 90_000)

  it('goes also when the old node was back before that was removed', async () => {
    const scene = await startScene(2)
    const { engines, store, manager, call, cut } = scene
    const second = engines[1] as FakeEngine
    second.fail({ path: create, times: 1, fault: { kind: 'lose-answer', afterMs: 500 } })
    await cut(0, true)
    await cutAtCreate(scene, 1)
    await cut(0, false)
    await eventually(async () => !(await store.list()).some(({ text }) => text.includes('"target":{')), 'the end of it')
    await call('DELETE', '/containers/web?force=1')
    await eventually(async () => !(await keysOf(store)).includes('containers'), 'the end of the record')
    await cut(1, false)
    await eventually(() => second.state.containers.size === 0, 'the end of the copy')
    expect(await manager.get('/containers/json?all=1')).toEqual([])
  }, 90_000)

  it('does not keep the name from the next attempt', async () => {
    const scene = await startScene(3)
    const { engines, call, cut } = scene
    const [, second, third] = engines as [FakeEngine, FakeEngine, FakeEngine]
    second.fail({ method: 'POST', path: /start$/, times: 1, fault: { kind: 'hang' } })
    await call('POST', '/flotilla/nodes/n3/cordon')
    await cut(0, true)
    await eventually(() => second.requests.some((each) => each.path.endsWith('/start')), 'the start')
    await cut(1, true)
    await call('POST', '/flotilla/nodes/n3/undrain')
    const isThere = (): boolean =>
      [...third.state.containers.values()].some((each) => each.name === 'web' && each.status === 'running')
    await eventually(isThere, 'the next attempt')
    await cut(1, false)
    await eventually(() => second.state.containers.size === 0, 'the end of the copy')
  }, 90_000)

  it('is not taken for one that was left there before', async () => {
    const scene = await startScene(2)
    const { engines, call, cut } = scene
    const [first, second] = engines as [FakeEngine, FakeEngine]
    const [old] = first.state.containers.keys()
    await cut(0, true)
    await eventually(() => [...second.state.containers.values()].some((each) => each.status === 'running'), 'the move')
    const keep = first.fail({ method: 'DELETE', fault: { kind: 'status', status: 500, message: 'busy' } })
    await cut(0, false)
    first.fail({ path: create, times: 1, fault: { kind: 'lose-answer', afterMs: 4000 } })
    const before = first.requests.length
    await call('POST', '/flotilla/nodes/n2/drain')
    await eventually(() => first.requests.slice(before).some((each) => create.test(each.path)), 'the create')
    await cut(0, true)
    await cut(0, false)
    await eventually(() => first.state.containers.size > 1, 'the copy nobody was told of')
    keep()
    const isOver = (): boolean => second.state.containers.size === 0 && first.state.containers.size === 1
    await eventually(isOver, 'the end of all others', 60_000)
    expect([...first.state.containers.values()]).toMatchObject([{ name: 'web', status: 'running' }])
    expect(first.state.containers.has(old ?? '')).toBe(false)
  }, 120_000)
})
