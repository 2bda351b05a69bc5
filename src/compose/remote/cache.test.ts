import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fillOnce } from './cache.ts'

let cache = ''
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'remote-cache-'))
})
afterEach(() => rmSync(cache, { recursive: true }))

describe('the cache of remote files', () => {
  it('is filled once, and takes away what others left half filled long ago', async () => {
    for (const name of ['.building-1-old', '.building-2-new']) {
      mkdirSync(join(cache, name))
      writeFileSync(join(cache, name, 'part'), 'x')
    }
    const old = new Date(Date.now() - 2 * 3_600_000)
    utimesSync(join(cache, '.building-1-old'), old, old)
    let fills = 0
    const fill = async (folder: string): Promise<void> => {
      fills += 1
      writeFileSync(join(folder, 'compose.yaml'), 'services: {}')
    }
    expect(await fillOnce(cache, 'abc', fill)).toBe(join(cache, 'abc'))
    expect(await fillOnce(cache, 'abc', fill)).toBe(join(cache, 'abc'))
    expect([fills, readdirSync(cache).sort()]).toEqual([1, ['.building-2-new', 'abc']])
  })

  it('keeps nothing of a filling that failed', async () => {
    await expect(fillOnce(cache, 'abc', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(readdirSync(cache)).toEqual([])
  })
})
