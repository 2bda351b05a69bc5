import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { isKnownBuilder } from './buildx-builder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'builders-'))
  for (const path of ['.docker/buildx/instances/far', 'other/instances/near', '.docker/buildx/instances/a b'])
    await put(path)
  await put(`.docker/contexts/meta/${createHash('sha256').update('my context').digest('hex')}/meta.json`)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function put(path: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), '{}')
}

it.each([
  ['default', true],
  ['far', true],
  ['FAR', true],
  ['my context', true],
  ['near', false],
  ['a b', false],
  ['../instances/far', false],
])('%j in the usual place: %j', async (name, isKnown) => {
  expect(await isKnownBuilder({ HOME: folder }, name)).toBe(isKnown)
})

it('buildx may keep its files elsewhere', async () => {
  const env = { HOME: folder, BUILDX_CONFIG: join(folder, 'other') }
  expect(await isKnownBuilder(env, 'near')).toBe(true)
  expect(await isKnownBuilder(env, 'far')).toBe(false)
  expect(await isKnownBuilder({ DOCKER_CONFIG: join(folder, '.docker') }, 'far')).toBe(true)
})
