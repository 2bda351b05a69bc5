import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { manualClock } from '../../testing/manual-clock.ts'
import { findDriverPrograms, openDriverProgram } from './find.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'find-'))
  for (const place of ['one', 'two']) mkdirSync(join(folder, place))
  for (const file of ['one/docker-machine-driver-a', 'two/flotilla-driver-a', 'two/docker-machine-driver-b']) {
    writeFileSync(join(folder, file), '', { mode: 0o755 })
  }
  writeFileSync(join(folder, 'one/docker-machine-driver-plain'), '', { mode: 0o644 })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('finds what can be run on the PATH, under names that are no paths, and the same driver each time', async () => {
  const env = { PATH: `${folder}/one:${folder}/two:relative` }
  const programs = findDriverPrograms({ env, clock: manualClock() })
  const names = ['a', 'b', 'c', 'plain', '../two/b', '', '-x']
  const found = await Promise.all(names.map(async (name) => (await programs.find(name))?.name))
  expect(found).toEqual(['a', 'b', undefined, undefined, undefined, undefined, undefined])
  expect(await programs.find('a')).toBe(await programs.find('a'))
  await programs.close()
})

it('a program of another name is no driver', async () => {
  await expect(openDriverProgram('/bin/true', { env: {}, clock: manualClock() })).rejects.toMatchObject({
    message: '"true" is not the name of a driver program',
    hint: 'a driver program is called flotilla-driver-NAME or docker-machine-driver-NAME',
  })
})
