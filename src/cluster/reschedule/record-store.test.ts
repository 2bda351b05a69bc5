import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { manualClock } from '../../testing/manual-clock.ts'
import { memoryKv } from '../../testing/memory-kv.ts'
import { folderRecords } from './folder-records.ts'
import { kvRecords } from './kv-records.ts'
import { memoryRecords } from './record-store.ts'
import type { RecordStore } from './record-store.ts'

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

  it('what a manager that was killed left half written is no record', async () => {
    const folder = await makeFolder()
    const store = await folderRecords(folder)
    await writeFile(join(folder, 'containers', 'a.json.tmp-999999-x-1'), '{"for')
    expect(await store.list()).toEqual([])
    expect(await readdir(join(folder, 'containers'))).toEqual([])
  })
})
