import { beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import type { NodeView } from '../model.ts'
import { RecordBook } from './book.ts'
import type { World } from './decide.ts'
import type { ContainerRecord } from './record.ts'
import { memoryRecords } from './record-store.ts'
import { RecordedNames } from './recorded-names.ts'
import { lostSight } from './sight.ts'

const record: ContainerRecord = {
  swarmId: 's1',
  name: 'web',
  isRunning: true,
  ended: undefined,
  generation: 0,
  home: { engineId: 'n1-id', addr: 'n1:2375', node: 'n1', containerId: 'web-id' },
  body: {},
  networks: [],
  volumes: [],
  hasPolicy: true,
  move: undefined,
  history: [],
  left: [],
}
const local = [{ name: 'data', driver: 'local', options: {} }]
const pending = { state: 'pending', failures: 0, indicator: 0 } as const
/** In discovery, and never read. */
const unread = makeNode('n1', { engineId: '', health: pending })
const other = makeNode('n1', { engineId: 'other-id' })

function makeWorld(nodes: readonly NodeView[], over: Partial<World> = {}): World {
  return {
    nodeOf: (engineId) => nodes.find((node) => node.engineId === engineId),
    nodeAt: (addr) => nodes.find((node) => node.addr === addr),
    isConfirmedGone: () => false,
    isAskedElsewhere: () => false,
    sightOf: () => lostSight,
    isForced: () => false,
    ...over,
  }
}

let clock: ManualClock
let book: RecordBook
let world: World
let names: RecordedNames
beforeEach(async () => {
  clock = manualClock()
  book = new RecordBook(memoryRecords(), silentLog)
  world = makeWorld([unread])
  names = new RecordedNames({ book, clock, isVolumeLossAllowed: false, readWorld: () => world })
  await book.put(record)
})

describe('the name of a recorded container', () => {
  const gone: Partial<World> = { isConfirmedGone: () => true }
  const reached: Partial<World> = { ...gone, sightOf: () => ({ isLost: false, reachedBy: ['m2:3376'] }) }
  it.each<[string, boolean, NodeView[], Partial<World>, Partial<ContainerRecord>]>([
    ['kept while its engine has not been read', true, [unread], {}, {}],
    ['kept while another manager reaches the engine', true, [unread], reached, {}],
    ['kept when the engine is gone and it is to be made anew', true, [unread], gone, {}],
    ['free when the engine is gone and its data with it', false, [unread], gone, { volumes: local }],
    ['kept for such data while the engine may come back', true, [unread], {}, { volumes: local }],
    ['free when the engine has left discovery', false, [], {}, {}],
    ['for the list to tell when the engine has been read', false, [makeNode('n1')], {}, {}],
    ['free for an engine that took the address', false, [other], {}, { volumes: local }],
  ])('is %s', async (_, isKept, nodes, over, change) => {
    await book.put({ ...record, ...change })
    world = makeWorld(nodes, over)
    expect(names.keeps('web', [])).toBe(isKept)
  })

  it('is free for the container itself, and for all when that was renamed or removed', async () => {
    expect([names.keeps('web', ['web-id']), names.keeps('api', [])]).toEqual([false, false])
    await book.put({ ...record, name: 'api' })
    expect([names.keeps('web', []), names.keeps('api', [])]).toEqual([false, true])
    await book.forget(record)
    expect(names.keeps('api', [])).toBe(false)
  })

  it('is not asked of the records before they are read, for two seconds at most', async () => {
    expect(names.ready()).toBeUndefined()
    names.expect()
    let isOver = false
    void names.ready()?.then(() => (isOver = true))
    await clock.advance(1900)
    expect(isOver).toBe(false)
    await clock.advance(200)
    expect([isOver, names.ready()]).toEqual([true, undefined])
    names.expect()
    isOver = false
    void names.ready()?.then(() => (isOver = true))
    names.settle()
    await clock.advance(0)
    expect([isOver, names.ready()]).toEqual([true, undefined])
  })
})

describe('containers by name', () => {
  it('are those of the store, as it is read', async () => {
    const store = memoryRecords()
    const first = new RecordBook(store, silentLog)
    await first.put(record)
    await first.put({ ...record, swarmId: 's2', home: { ...record.home, containerId: makeContainer('web').id } })
    const second = new RecordBook(store, silentLog)
    await second.load()
    expect(second.named('web').map(({ swarmId }) => swarmId)).toEqual(['s1', 's2'])
    await second.remove('s1')
    expect(second.named('web').map(({ swarmId }) => swarmId)).toEqual(['s2'])
  })
})
