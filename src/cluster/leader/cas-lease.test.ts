import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { testLeader } from '../../../test/conformance/leader.ts'
import { systemClock } from '../../io/clock.ts'
import { memoryElection } from '../../testing/memory-election.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { casLeader } from './cas-lease.ts'
import type { LeaseCell, LeaseRecord } from './lease-cell.ts'
import type { Leader, Lease } from './leader.ts'

const ttlMs = 6000

testLeader('compare-and-set', async () => {
  const shared = new Shared()
  return {
    make: async () => casLeader({ cell: shared.cell(), ttlMs: 2000, clock: systemClock, log: silentLog }),
  }
})

testLeader('memory', async () => {
  const memory = memoryElection()
  return { make: async () => memory.leader() }
})
const stops: AbortController[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort()
})

/** The one cell, and what can go wrong on the way to it. */
class Shared {
  record: LeaseRecord | undefined
  version = 0
  isDown = false
  /** The next write comes about, but its answer is lost. */
  losesAnswer = false
  /** The next write is under way until this is called: it comes about, or is refused, then. */
  letThrough: (() => void) | undefined
  isHoldingUp = false

  cell(isCut: () => boolean = () => false): LeaseCell {
    const check = (): void => {
      if (this.isDown || isCut()) throw new Error('nobody answers')
    }
    return {
      read: async () => {
        check()
        return this.record === undefined ? undefined : { record: this.record, version: String(this.version) }
      },
      write: async (record, version) => {
        check()
        if (this.isHoldingUp) {
          this.isHoldingUp = false
          await new Promise<void>((resolve) => (this.letThrough = resolve))
        }
        if (version !== (this.record === undefined ? undefined : String(this.version))) return undefined
        this.record = record
        this.version += 1
        if (!this.losesAnswer) return String(this.version)
        this.losesAnswer = false
        throw new Error('the answer was lost')
      },
    }
  }
}

interface Candidate {
  readonly lease: Lease | undefined
  readonly yields: readonly (number | undefined)[]
  readonly followed: readonly string[]
  resign(): void
}

function stand(leader: Leader, address: string): Candidate {
  const stop = new AbortController()
  stops.push(stop)
  const followed: string[] = []
  const yields: (number | undefined)[] = []
  let lease: Lease | undefined
  void (async () => {
    for await (const next of leader.campaign(address, { signal: stop.signal })) {
      lease = next
      yields.push(next?.term)
    }
  })()
  void (async () => {
    for await (const each of leader.follow({ signal: stop.signal })) followed.push(each)
  })()
  return {
    get lease() {
      return lease
    },
    yields,
    followed,
    resign: () => stop.abort(),
  }
}

interface Pair {
  readonly clock: ManualClock
  readonly shared: Shared
  readonly a: Candidate
  readonly b: Candidate
  cut: boolean
}

async function pair(): Promise<Pair> {
  const clock = manualClock()
  const shared = new Shared()
  const o = { ttlMs, clock, log: silentLog }
  const bed: { cut: boolean } = { cut: false }
  const a = stand(casLeader({ ...o, cell: shared.cell(() => bed.cut) }), 'a:1')
  await clock.advance(0)
  const b = stand(casLeader({ ...o, cell: shared.cell() }), 'b:1')
  await clock.advance(1000)
  return Object.assign(bed, { clock, shared, a, b })
}

describe('a lease on one cell', () => {
  it('is taken by the first, renewed, and seen by all', async () => {
    const { clock, shared, a, b } = await pair()
    await clock.advance(60_000)
    expect([a.yields, b.yields]).toEqual([[1], []])
    expect([a.followed.at(-1), b.followed]).toEqual(['a:1', ['a:1']])
    expect(a.lease?.isHeld()).toBe(true)
    expect(await a.lease?.confirm()).toBe(true)
    expect(shared.record).toMatchObject({ holder: 'a:1', term: 1, ttlMs })
  })

  it('goes over at once when the holder resigns, and no later than a look', async () => {
    const { clock, a, b } = await pair()
    const held = a.lease
    a.resign()
    await clock.advance(1300)
    expect([held?.isHeld(), await held?.confirm(), a.yields]).toEqual([false, false, [1, undefined]])
    expect(b.yields).toEqual([2])
    await clock.advance(1200)
    expect(b.followed.at(-1)).toBe('b:1')
  })

  it('goes over as soon where the holder did not hear of its last renewal', async () => {
    const { clock, shared, a, b } = await pair()
    shared.losesAnswer = true
    for (let ms = 0; ms < ttlMs && shared.losesAnswer; ms += 100) await clock.advance(100)
    expect([shared.losesAnswer, shared.record?.holder]).toEqual([false, 'a:1'])
    a.resign()
    await clock.advance(1300)
    expect([a.yields, b.yields]).toEqual([[1, undefined], [2]])
  })

  it.each(['before', 'after'] as const)('goes over while a renewal hangs, which comes about %s that', async (when) => {
    const { clock, shared, a, b } = await pair()
    shared.isHoldingUp = true
    for (let ms = 0; ms < ttlMs && shared.isHoldingUp; ms += 100) await clock.advance(100)
    expect(shared.isHoldingUp).toBe(false)
    a.resign()
    if (when === 'before') shared.letThrough?.()
    await clock.advance(1800)
    expect([a.yields, b.yields]).toEqual([[1, undefined], [2]])
    shared.letThrough?.()
    await clock.advance(10_000)
    expect([b.lease?.isHeld(), shared.record]).toMatchObject([true, { holder: 'b:1', term: 2 }])
  })

  it('of somebody else is not freed by a holder who lost it without hearing so', async () => {
    const bed = await pair()
    const { clock, shared, a, b } = bed
    bed.cut = true
    await clock.advance(4000)
    expect(a.lease?.isHeld()).toBe(true)
    shared.record = { holder: 'b:1', token: 'other', term: 2, ttlMs, beat: 0 }
    shared.version += 1
    bed.cut = false
    a.resign()
    await clock.advance(3000)
    expect(shared.record).toMatchObject({ holder: 'b:1', term: 2 })
    expect(b.yields).toEqual([])
  })

  it('a holder that is cut off counts itself out before another can take over', async () => {
    const bed = await pair()
    const { clock, a, b } = bed
    const held = a.lease
    bed.cut = true
    let outMs = 0
    let inMs = 0
    for (let ms = 0; ms < 10_000; ms += 100) {
      await clock.advance(100)
      if (outMs === 0 && held?.isHeld() !== true) outMs = ms
      if (inMs === 0 && b.lease !== undefined) inMs = ms
    }
    expect(outMs).toBeGreaterThan(0)
    expect(inMs).toBeGreaterThan(outMs)
    expect(inMs).toBeLessThan(ttlMs + 2500)
    expect(await held?.confirm()).toBe(false)
    expect(a.yields).toEqual([1, undefined])
    bed.cut = false
    await clock.advance(10_000)
    expect([a.yields, b.yields]).toEqual([[1, undefined], [2]])
  })

  it('nobody leads while nobody answers, and one does soon after', async () => {
    const { clock, shared, a, b } = await pair()
    shared.isDown = true
    await clock.advance(600_000)
    expect(a.yields).toEqual([1, undefined])
    shared.isDown = false
    await clock.advance(ttlMs + 2500)
    expect([...a.yields, ...b.yields].filter((term) => term === 2)).toHaveLength(1)
  })

  it('a renewal whose answer was lost is found to have come about', async () => {
    const { clock, shared, a } = await pair()
    shared.losesAnswer = true
    await clock.advance(20_000)
    expect(a.yields).toEqual([1])
    expect(a.lease?.isHeld()).toBe(true)
  })

  it('a take whose answer was lost is repeated at once, in a new term', async () => {
    const clock = manualClock()
    const shared = new Shared()
    shared.losesAnswer = true
    const a = stand(casLeader({ ttlMs, clock, log: silentLog, cell: shared.cell() }), 'a:1')
    await clock.advance(2000)
    expect(a.yields).toEqual([2])
  })

  it('a cell that was removed is made anew in the term after, when its holder is surely out', async () => {
    const { clock, shared, a, b } = await pair()
    shared.record = undefined
    const held = (): number => [a.lease, b.lease].filter((each) => each?.isHeld() === true).length
    for (let ms = 0; ms < ttlMs + 2500; ms += 100) {
      await clock.advance(100)
      expect(held()).toBeLessThan(2)
    }
    expect(held()).toBe(1)
    expect(shared.record).toMatchObject({ term: 2 })
  })
})
