import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import type { KvEntry } from './kv.ts'
import { watchFolder } from './watch-folder.ts'

const random = { next: () => 1 }

function fakeFolder(clock: ManualClock) {
  const folder = {
    values: ['a'],
    reads: 0,
    wait: 'for ever' as 'for ever' | 'closed' | 'busy' | number,
    isReadable: true,
    wake: () => {},
  }
  const steps = {
    read: async () => {
      folder.reads += 1
      if (!folder.isReadable) throw new FlotillaError('io/connect', 'refused')
      const entries = folder.values.map((value): KvEntry => ({ key: value, value, version: String(folder.reads) }))
      return await Promise.resolve({ entries, mark: folder.reads })
    },
    waitForChange: async (_mark: number, _known: readonly KvEntry[], signal: AbortSignal) => {
      if (folder.wait === 'closed') throw new FlotillaError('io/connect', 'closed')
      if (folder.wait === 'busy') return
      if (typeof folder.wait === 'number') {
        await clock.sleep(folder.wait, signal)
        throw new FlotillaError('io/connect', 'closed')
      }
      await new Promise<void>((resolve, reject) => {
        folder.wake = resolve
        signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true })
      })
    },
  }
  const stop = new AbortController()
  const seen: string[] = []
  let failure: unknown
  const done = (async () => {
    for await (const entries of watchFolder(steps, { clock, random }, { signal: stop.signal })) {
      seen.push(entries.map((entry) => entry.value).join())
    }
  })().catch((error: unknown) => (failure = error))
  return {
    folder,
    seen,
    failure: () => failure,
    async end() {
      stop.abort()
      await done
    },
  }
}

describe('watching a folder', () => {
  it('tells the first reading and each that differs, several changes as one', async () => {
    const clock = manualClock()
    const watched = fakeFolder(clock)
    await clock.advance(1)
    watched.folder.values = ['a', 'b']
    watched.folder.wake()
    await clock.advance(50)
    watched.folder.values = ['a', 'b', 'c']
    await clock.advance(1000)
    watched.folder.wake()
    await clock.advance(1000)
    expect(watched.seen).toEqual(['a', 'a,b,c'])
    expect(watched.folder.reads).toBe(3)
    await watched.end()
  })

  it('reads again without news, so that nothing stays missed', async () => {
    const clock = manualClock()
    const watched = fakeFolder(clock)
    await clock.advance(1)
    watched.folder.values = ['b']
    await clock.advance(60_000)
    expect(watched.seen).toEqual(['a', 'b'])
    expect(watched.folder.reads).toBe(2)
    await watched.end()
  })

  it.each([
    ['refuses each wait', 'closed' as const, 12],
    ['closes each wait after a second', 1000, 12],
    ['wakes all the time', 'busy' as const, 4100],
  ])('does not run hot on a store that %s', async (_what, wait, most) => {
    const clock = manualClock()
    const watched = fakeFolder(clock)
    watched.folder.wait = wait
    await clock.advance(300_000)
    expect(watched.folder.reads).toBeLessThanOrEqual(wait === 'busy' ? most : 300_000 / 20_000)
    expect(watched.seen).toEqual(['a'])
    // And it still sees what changes.
    watched.folder.values = ['b']
    await clock.advance(40_000)
    expect(watched.seen).toEqual(['a', 'b'])
    await watched.end()
  })

  it('fails when the folder cannot be read', async () => {
    const clock = manualClock()
    const watched = fakeFolder(clock)
    await clock.advance(1)
    watched.folder.isReadable = false
    watched.folder.wake()
    await clock.advance(1000)
    expect(watched.failure()).toMatchObject({ code: 'io/connect' })
  })
})
