import { describe, expect, it } from 'vitest'
import { manualClock } from '../../testing/manual-clock.ts'
import { ProcessPool } from './process-pool.ts'

interface Fake {
  readonly name: string
  isDead: boolean
  isClosed: boolean
  isOver(): boolean
  close(): Promise<void>
}

function setUp() {
  const clock = manualClock()
  const pool = new ProcessPool<Fake>(clock)
  const made: Fake[] = []
  async function open(name: string): Promise<Fake> {
    const fake: Fake = {
      name,
      isDead: false,
      isClosed: false,
      isOver: () => fake.isDead,
      async close() {
        fake.isClosed = true
      },
    }
    made.push(fake)
    return fake
  }
  const use = (key: string, body: (fake: Fake) => Promise<string> = async () => key): Promise<string> =>
    pool.use(
      key,
      () => open(key),
      async (fake) => ({ key: await body(fake), result: fake.name }),
      {},
    )
  const running = (): number => made.filter((fake) => !fake.isClosed).length
  return { clock, pool, made, use, running }
}

describe('a pool of processes', () => {
  it('keeps one under the state it holds, and finds it under the one it has got', async () => {
    const { use, made } = setUp()
    expect(await use('a', async () => 'b')).toBe('a')
    expect(await use('b')).toBe('a')
    expect(await use('a')).toBe('a')
    expect(made).toHaveLength(2)
  })

  it('ends one that failed or died, and opens another', async () => {
    const { use, made } = setUp()
    await expect(use('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(made[0]?.isClosed).toBe(true)
    await use('a')
    made[1]!.isDead = true
    await use('a')
    expect(made).toHaveLength(3)
  })

  it('gives an idle place to another machine, and makes one more wait for two seconds at most', async () => {
    const { clock, use, made, running } = setUp()
    for (let at = 0; at < 30; at += 1) await use(`m${at}`)
    expect([made.length, running()]).toEqual([30, 16])
    const ends: (() => void)[] = []
    const busy = Array.from({ length: 16 }, (_, at) =>
      use(`b${at}`, () => new Promise((resolve) => ends.push(() => resolve('x')))),
    )
    await expect.poll(() => ends.length).toBe(16)
    let isServed = false
    const late = use('late').then(() => (isServed = true))
    await clock.advance(1500)
    expect(isServed).toBe(false)
    await clock.advance(600)
    await late
    for (const end of ends) end()
    await Promise.all(busy)
  })

  it('does not count nor end what is pinned, until it is released', async () => {
    const { pool, use, made, clock } = setUp()
    await use('kept')
    pool.pin('kept')
    for (let at = 0; at < 20; at += 1) await use(`m${at}`)
    await clock.advance(61_000)
    expect(made[0]?.isClosed).toBe(false)
    pool.unpin('kept')
    await clock.advance(61_000)
    expect(made[0]?.isClosed).toBe(true)
  })

  it('ends what nobody has used for a minute, and all at the end', async () => {
    const { pool, clock, use, running } = setUp()
    await use('a')
    await clock.advance(59_000)
    await use('b')
    await clock.advance(2000)
    expect(running()).toBe(1)
    await pool.close()
    expect(running()).toBe(0)
  })

  it('a wait for a place can be given up', async () => {
    const { pool, use } = setUp()
    const ends: (() => void)[] = []
    const busy = Array.from({ length: 16 }, (_, at) =>
      use(`b${at}`, () => new Promise((resolve) => ends.push(() => resolve('x')))),
    )
    await expect.poll(() => ends.length).toBe(16)
    const stop = new AbortController()
    const waiting = pool.use(
      'c',
      () => Promise.reject(new Error('opened')),
      () => Promise.reject(new Error('used')),
      {
        signal: stop.signal,
      },
    )
    stop.abort()
    await expect(waiting).rejects.toThrow('the operation was cancelled')
    for (const end of ends) end()
    await Promise.all(busy)
  })
})
