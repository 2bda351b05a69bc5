import { describe, expect, it } from 'vitest'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { memoryKv } from '../../testing/memory-kv.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { holdLock } from './hold-lock.ts'
import type { LockSteps, TakenLock } from './hold-lock.ts'
import type { KvHold } from './kv.ts'

const random = { next: () => 0.5 }

/** A lock whose store answers as the test says. */
function fakeLock(clock: ManualClock, o: { readonly isFree?: boolean } = {}) {
  const calls: string[] = []
  const fake = {
    isFree: o.isFree ?? true,
    answer: 'yes' as 'yes' | 'no' | 'never' | 'error',
    calls,
    steps: {} as LockSteps,
  }
  async function ask(what: string, call: CallOptions): Promise<boolean> {
    calls.push(`${String(clock.monotonicMs())} ${what}`)
    if (fake.answer === 'error') throw new FlotillaError('io/connect', 'refused')
    if (fake.answer === 'never') {
      await clock.sleep(call.deadlineMs ?? Infinity, call.signal)
      throw new FlotillaError('core/deadline', 'no answer')
    }
    return fake.answer === 'yes'
  }
  const taken: TakenLock = {
    term: 7,
    validMs: 9000,
    renewEveryMs: 3000,
    renew: (call) => ask('renew', call),
    confirm: (call) => ask('confirm', call),
    async release(call) {
      await ask('release', call)
    },
  }
  fake.steps = {
    async take(call) {
      await ask('take', call)
      return fake.isFree ? taken : undefined
    },
    waitUntilFree: (signal) => clock.sleep(1_000_000, signal),
  }
  return fake
}

function stand(clock: ManualClock, steps: LockSteps) {
  const stop = new AbortController()
  const seen: (KvHold | undefined)[] = []
  let failure: unknown
  const done = (async () => {
    for await (const hold of holdLock(steps, { clock, random }, new Set(), { signal: stop.signal })) seen.push(hold)
  })().catch((error: unknown) => (failure = error))
  return {
    seen,
    failure: () => failure,
    async end() {
      stop.abort()
      // A store that is silent is given this long to take the lock back.
      await clock.advance(5000)
      await done
    },
  }
}

describe('a lock that is held', () => {
  it('is renewed in time and stays held by a clock that nobody sets', async () => {
    const clock = manualClock()
    const lock = fakeLock(clock)
    const standing = stand(clock, lock.steps)
    await clock.advance(10_000)
    clock.jump(0)
    expect(standing.seen.map((hold) => [hold?.term, hold?.isHeld()])).toEqual([[7, true]])
    expect(lock.calls).toEqual(['0 take', '3000 renew', '6000 renew', '9000 renew'])
    await standing.end()
    expect(lock.calls.at(-1)).toBe('10000 release')
    expect(standing.seen.map((hold) => hold?.isHeld())).toEqual([false, undefined])
  })

  it('is over when the store has been silent for its time, counted from the last request that was answered', async () => {
    const clock = manualClock()
    const lock = fakeLock(clock)
    const standing = stand(clock, lock.steps)
    await clock.advance(3000)
    lock.answer = 'never'
    await clock.advance(8999)
    const [hold] = standing.seen
    expect([standing.seen.length, hold?.isHeld()]).toEqual([1, true])
    await clock.advance(1)
    expect([standing.seen.length, hold?.isHeld(), await hold?.confirm()]).toEqual([2, false, false])
    await standing.end()
  })

  it('survives an outage shorter than its time', async () => {
    const clock = manualClock()
    const lock = fakeLock(clock)
    const standing = stand(clock, lock.steps)
    lock.answer = 'yes'
    await clock.advance(2000)
    lock.answer = 'error'
    await clock.advance(5000)
    lock.answer = 'yes'
    await clock.advance(20_000)
    expect(standing.seen.map((hold) => hold?.isHeld())).toEqual([true])
    await standing.end()
  })

  it('is over at once when the store says that it has another holder, and is stood for again', async () => {
    const clock = manualClock()
    const lock = fakeLock(clock)
    const standing = stand(clock, lock.steps)
    await clock.advance(1000)
    lock.answer = 'no'
    lock.isFree = false
    await clock.advance(2000)
    expect(standing.seen.map((hold) => hold?.isHeld())).toEqual([false, undefined])
    lock.answer = 'yes'
    lock.isFree = true
    await clock.advance(15_000)
    expect(standing.seen).toHaveLength(3)
    await standing.end()
  })

  it('is not confirmed by a store that does not answer', async () => {
    const clock = manualClock()
    const lock = fakeLock(clock)
    const standing = stand(clock, lock.steps)
    await clock.advance(0)
    lock.answer = 'never'
    let answer: boolean | undefined
    standing.seen[0]?.confirm().then(
      (value) => (answer = value),
      () => undefined,
    )
    await clock.advance(9000)
    expect(answer).toBe(false)
    await standing.end()
  })

  it('costs its reader nothing when he is slow: it is renewed while he does not ask', async () => {
    const clock = manualClock()
    const lock = fakeLock(clock)
    const stop = new AbortController()
    const iterator = holdLock(lock.steps, { clock, random }, new Set(), { signal: stop.signal })[Symbol.asyncIterator]()
    const first = iterator.next()
    await clock.advance(60_000)
    expect((await first).value?.isHeld()).toBe(true)
    expect(lock.calls).toHaveLength(21)
    // Leaving the loop gives it up too.
    await iterator.return?.()
    expect(lock.calls.at(-1)).toBe('60000 release')
  })
})

describe('standing for a lock', () => {
  it('fails when the store cannot be asked', async () => {
    const clock = manualClock()
    const lock = fakeLock(clock)
    lock.answer = 'error'
    const standing = stand(clock, lock.steps)
    await clock.advance(1)
    expect(standing.failure()).toMatchObject({ code: 'io/connect' })
  })

  it('asks again now and then, should the news of its end be lost, and no more often', async () => {
    const clock = manualClock()
    const lock = fakeLock(clock, { isFree: false })
    const standing = stand(clock, lock.steps)
    await clock.advance(60_000)
    expect(lock.calls.length).toBeLessThan(18)
    lock.isFree = true
    await clock.advance(5000)
    expect(standing.seen).toHaveLength(1)
    await standing.end()
  })

  it('takes over when the store was wiped under its holder', async () => {
    const clock = manualClock()
    const server = memoryKv(clock)
    const first = stand(clock, stepsOf(server, 'a:1'))
    await clock.advance(10)
    const second = stand(clock, stepsOf(server, 'b:1'))
    await clock.advance(100_000)
    expect([first.seen.length, second.seen.length]).toEqual([1, 0])
    server.wipe()
    await clock.advance(20_000)
    // The first learns at its next renewal that it has lost it, the second has it at once.
    expect(second.seen.map((hold) => hold?.isHeld())).toEqual([true])
    expect(first.seen.map((hold) => hold?.isHeld())).toEqual([false, undefined])
    await first.end()
    await second.end()
  })
})

function stepsOf(server: ReturnType<typeof memoryKv>, value: string): LockSteps {
  const kv = server.connect()
  return {
    async take(o) {
      const version = await kv.compareAndSet('k', value, undefined, o)
      if (version === undefined) return undefined
      const isOurs = async (): Promise<boolean> => (await kv.get('k'))?.version === version
      return {
        term: Number(version),
        validMs: 6000,
        renewEveryMs: 2000,
        renew: isOurs,
        confirm: isOurs,
        async release() {
          await kv.remove('k', version)
        },
      }
    },
    async waitUntilFree(signal) {
      for await (const entries of kv.watch('', { signal })) if (entries.length === 0) return
    },
  }
}
