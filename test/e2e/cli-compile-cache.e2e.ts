import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'flotilla-cache-'))
const node = programForms.find((form) => form.name === 'node')!

beforeAll(() => {
  ensurePrograms()
  writeFileSync(join(folder, 'compose.yaml'), 'services:\n  web:\n    image: web\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function load(cache: string): Promise<RunResult> {
  return node.run('docker-compose', ['config', '--services'], { cwd: folder, env: { XDG_CACHE_HOME: cache } })
}

const good: RunResult = { code: 0, signal: null, stdout: 'web\n', stderr: '' }

describe('compiled code kept between starts (Node; the executable holds its own)', () => {
  it('is written for the user alone and used again', async () => {
    const cache = join(folder, 'cache')
    expect(await load(cache)).toEqual(good)
    const kept = join(cache, 'flotilla', 'compiled')
    const before = readdirSync(kept, { recursive: true }) as string[]
    expect(before.length).toBeGreaterThan(0)
    expect(statSync(kept).mode & 0o077).toBe(0)
    expect(await load(cache)).toEqual(good)
    expect(readdirSync(kept, { recursive: true })).toEqual(before)
  })

  it('is of no consequence when it is damaged', async () => {
    const cache = join(folder, 'damaged')
    await load(cache)
    const kept = join(cache, 'flotilla', 'compiled')
    for (const name of readdirSync(kept, { recursive: true }) as string[]) {
      const path = join(kept, name)
      if (statSync(path).isFile()) truncateSync(path, 1000)
    }
    expect(await load(cache)).toEqual(good)
  })

  it('is done without where nothing can be written', async () => {
    const file = join(folder, 'a-file')
    writeFileSync(file, '')
    expect(await load(file)).toEqual(good)
    expect(await load('relative')).toEqual(good)
  })
})
