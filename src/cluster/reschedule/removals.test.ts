import { beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { makeContainer } from '../../testing/cluster-builders.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import type { Cluster } from '../cluster.ts'
import { RecordBook } from './book.ts'
import type { ContainerRecord, Move } from './record.ts'
import { memoryRecords } from './record-store.ts'
import { Removals } from './removals.ts'

const made = makeContainer('web', { id: 'new', swarmId: 's1' })
const home = { engineId: 'a-id', addr: 'a:2375', node: 'a', containerId: 'old' }

function moveTo(engineId: string): Move {
  const target = { engineId, addr: `${engineId}:2375`, node: engineId }
  return { kind: 'failure', target, wanted: '', attempts: 1, sinceMs: 0 }
}

const record: ContainerRecord = {
  swarmId: 's1',
  name: 'web',
  isRunning: true,
  ended: undefined,
  generation: 1,
  home,
  body: {},
  networks: [],
  volumes: [],
  hasPolicy: true,
  move: moveTo('b-id'),
  history: [],
  left: [],
}

let clock: ManualClock
let cluster: Cluster
let book: RecordBook
let removals: Removals
let busy: readonly string[]
beforeEach(async () => {
  clock = manualClock()
  cluster = { clock, log: silentLog } as unknown as Cluster
  book = new RecordBook(memoryRecords(), silentLog)
  removals = new Removals()
  busy = []
  await book.put(record)
})

function settle(): Promise<number | undefined> {
  return removals.settle(cluster, book, (swarmId) => busy.includes(swarmId))
}

describe('a container that is removed before its move is on record', () => {
  it('is taken out of the records, and its old copy goes when that engine is back', async () => {
    expect(removals.note(cluster, book, made, 'b-id')).toBe(true)
    expect(await settle()).toBe(1)
    expect(book.get('s1')).toBeUndefined()
    expect(book.removed.copiesOn('a-id')).toEqual([
      { engineId: 'a-id', swarmId: 's1', name: 'web', containerId: 'old' },
    ])
    expect(await settle()).toBe(0)
  })

  it('goes however the move that is under way ends', async () => {
    removals.note(cluster, book, made, 'b-id')
    busy = ['s1']
    expect(await settle()).toBe(0)
    await book.put({ ...record, home: { ...home, engineId: 'c-id', containerId: 'newest' }, move: undefined })
    busy = []
    expect(await settle()).toBe(1)
    expect([
      book.get('s1'),
      book.removed.isLeftCopy('c-id', makeContainer('web', { id: 'newest', swarmId: 's1' })),
    ]).toEqual([undefined, true])
  })

  it('is for the list to tell where the move came to its end with it', async () => {
    removals.note(cluster, book, made, 'b-id')
    await book.put({ ...record, home: { ...home, engineId: 'b-id', containerId: 'new' }, move: undefined })
    expect(await settle()).toBe(0)
    expect(book.get('s1')).toBeDefined()
  })

  it.each<[string, Partial<ContainerRecord>, string]>([
    ['it is the one on record', { home: { ...home, containerId: 'new' } }, 'b-id'],
    ['it was on another engine', {}, 'c-id'],
    ['it had no name of its own yet', { name: 'other' }, 'b-id'],
    ['it is not being moved', { move: undefined }, 'b-id'],
  ])('nothing is noted where %s', async (_, over, engineId) => {
    await book.put({ ...record, ...over })
    expect(removals.note(cluster, book, made, engineId)).toBe(false)
    expect(await settle()).toBe(0)
    expect(book.get('s1')).toBeDefined()
  })

  it('is judged later where the records have not been read, unless that takes long', async () => {
    expect(removals.note(cluster, undefined, made, 'b-id')).toBe(true)
    expect(await settle()).toBe(1)
    await book.put(record)
    removals.note(cluster, undefined, made, 'b-id')
    await clock.advance(301_000)
    expect(await settle()).toBe(0)
    expect(book.get('s1')).toBeDefined()
  })
})
