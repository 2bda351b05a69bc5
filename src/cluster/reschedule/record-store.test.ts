import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { memoryKv } from '../../testing/memory-kv.ts'
import { unmarked } from '../model.ts'
import type { NodeMark } from '../model.ts'
import { RecordBook } from './book.ts'
import { folderRecords } from './folder-records.ts'
import { kvRecords } from './kv-records.ts'
import { memoryRecords } from './record-store.ts'
import type { RecordStore } from './record-store.ts'
import type { ContainerRecord, MarkRecord } from './record.ts'

const record: ContainerRecord = {
  swarmId: 's1',
  name: 'web',
  isRunning: true,
  ended: undefined,
  generation: 0,
  home: { engineId: 'e1', addr: 'n1:2375', node: 'n1', containerId: 'c1' },
  body: { Image: 'busybox' },
  networks: [],
  volumes: [],
  hasPolicy: true,
  move: undefined,
  history: [],
  left: [],
}

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-records-'))
  folders.push(folder)
  return folder
}

const makers: readonly (readonly [string, () => Promise<RecordStore>])[] = [
  ['memory', () => Promise.resolve(memoryRecords())],
  ['a folder', async () => folderRecords(await makeFolder())],
  ['a shared store', () => Promise.resolve(kvRecords(memoryKv(manualClock()).connect(), 'prod/docker/swarm/flotilla'))],
]

describe.each(makers)('records in %s', (_, make) => {
  it('are written once, over the version that is known, and taken out', async () => {
    const store = await make()
    const first = await store.write('containers/a', 'one', undefined)
    expect(await store.write('containers/a', 'twice', undefined)).toBeUndefined()
    const second = await store.write('containers/a', 'two', first)
    expect(await store.write('containers/a', 'late', first)).toBeUndefined()
    await store.write('nodes/ABCD:EF/x', 'three', undefined)
    expect(new Map((await store.list()).map(({ key, text }) => [key, text]))).toEqual(
      new Map([
        ['containers/a', 'two'],
        ['nodes/ABCD:EF/x', 'three'],
      ]),
    )
    expect(await store.remove('containers/a', first ?? '')).toBe(false)
    expect(await store.remove('containers/a', second ?? '')).toBe(true)
    expect(await store.list()).toHaveLength(1)
  })
})

describe('records in a folder', () => {
  it('are there for the next manager, for its owner only', async () => {
    const folder = await makeFolder()
    await (await folderRecords(folder)).write('containers/../../up', 'one', undefined)
    const next = await folderRecords(folder)
    const [kept] = await next.list()
    expect(kept).toMatchObject({ key: 'containers/../../up', text: 'one' })
    expect(await next.write('containers/../../up', 'two', kept?.version)).toBeDefined()
    const [file = ''] = await readdir(join(folder, 'containers'))
    expect((await stat(join(folder, 'containers', file))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(folder, 'containers', file), 'utf8')).toBe('two')
  })

  it('a file with a name that cannot be one hides no other', async () => {
    const folder = await makeFolder()
    const store = await folderRecords(folder)
    await store.write('containers/a', 'one', undefined)
    await writeFile(join(folder, 'containers', '100%.json'), 'x')
    expect((await store.list()).map(({ text }) => text)).toContain('one')
  })

  it('what a manager that was killed left half written is no record', async () => {
    const folder = await makeFolder()
    const store = await folderRecords(folder)
    await writeFile(join(folder, 'containers', 'a.json.tmp-999999-x-1'), '{"for')
    expect(await store.list()).toEqual([])
    expect(await readdir(join(folder, 'containers'))).toEqual([])
  })
})

describe('what a manager knows of its records', () => {
  const mark: NodeMark = { availability: 'drain', labels: new Map() }
  const drained: MarkRecord = { engineId: 'e1', node: 'n1', mark, isForced: false }
  const plain: MarkRecord = { ...drained, mark: unmarked }

  it('a mark that could not be taken out of the store is still there to be taken out', async () => {
    const kept = memoryRecords()
    let isAway = false
    const store: RecordStore = {
      ...kept,
      remove: (key, version) =>
        isAway ? Promise.reject(new Error('the store does not answer')) : kept.remove(key, version),
    }
    const book = new RecordBook(store, silentLog)
    expect(await book.putMark(drained)).toBe(true)
    isAway = true
    await expect(book.putMark(plain)).rejects.toThrow('does not answer')
    isAway = false
    expect(await book.putMark(plain)).toBe(true)
    expect(await kept.list()).toEqual([])
  })

  it('a mark that another manager has changed is not taken out', async () => {
    const kept = memoryRecords()
    const [book, other] = [new RecordBook(kept, silentLog), new RecordBook(kept, silentLog)]
    await book.putMark(drained)
    await other.load()
    await other.putMark({ ...drained, isForced: true })
    expect(await book.putMark(plain)).toBe(false)
    await book.load()
    expect(book.markOf('e1')).toMatchObject({ isForced: true })
  })

  it('writes over what it cannot read, such as records of a later version', async () => {
    const store = memoryRecords()
    await store.write('containers/s1', '{"format":2,"swarmId":"s1"}', undefined)
    await store.write('nodes/e1', 'garbage', undefined)
    const book = new RecordBook(store, silentLog)
    await book.load()
    expect(book.get('s1')).toBeUndefined()
    expect(await book.put(record)).toBe(true)
    expect(await book.putMark(drained)).toBe(true)
    await book.load()
    expect(book.get('s1')).toEqual(record)
    expect(book.markOf('e1')).toEqual(drained)
  })
})
