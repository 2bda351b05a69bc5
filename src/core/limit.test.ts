import { describe, expect, it } from 'vitest'
import { mapLimit, settleLimit } from './limit.ts'

describe('mapLimit', () => {
  it('keeps the order and never runs more than the limit', async () => {
    let running = 0
    let most = 0
    const results = await mapLimit([5, 1, 4, 2, 3], 2, async (value, index) => {
      running += 1
      most = Math.max(most, running)
      for (let turn = 0; turn < value; turn += 1) await Promise.resolve()
      running -= 1
      return value * 10 + index
    })
    expect({ results, most }).toEqual({ results: [50, 11, 42, 23, 34], most: 2 })
  })

  it('starts nothing after a failure and waits for what is under way', async () => {
    const started: number[] = []
    const finished: number[] = []
    const failing = mapLimit([1, 2, 3, 4], 2, async (value) => {
      started.push(value)
      if (value === 1) throw new Error('one')
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
      finished.push(value)
    })
    await expect(failing).rejects.toThrow('one')
    expect({ started, finished }).toEqual({ started: [1, 2], finished: [2] })
  })

  it('takes one-shot iterables, empty ones, and no limit', async () => {
    function* numbers(): Generator<number> {
      yield 1
      yield 2
    }
    expect(await mapLimit(numbers(), Infinity, async (value) => value)).toEqual([1, 2])
    expect(await mapLimit([], 3, async (value) => value)).toEqual([])
  })

  it('settleLimit gives every item its turn', async () => {
    const error = new Error('two')
    const settled = await settleLimit([1, 2, 3], 1, async (value) => {
      if (value === 2) throw error
      return value
    })
    expect(settled).toEqual([
      { kind: 'done', item: 1, value: 1 },
      { kind: 'failed', item: 2, error },
      { kind: 'done', item: 3, value: 3 },
    ])
  })
})
