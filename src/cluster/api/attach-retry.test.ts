import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { whileAttaching } from './attach-retry.ts'
import type { Api } from './call.ts'

const notFound = new FlotillaError('engine/not-found', 'network wide not found', { status: 404 })

function bed(answers: readonly (FlotillaError | string)[]): {
  clock: ReturnType<typeof manualClock>
  readonly calls: () => number
  result: Promise<string>
} {
  const clock = manualClock()
  let calls = 0
  const api = { cluster: { clock } } as unknown as Api
  const result = whileAttaching(api, new AbortController().signal, () => {
    const answer = answers[Math.min(calls, answers.length - 1)]
    calls += 1
    return typeof answer === 'string' ? Promise.resolve(answer) : Promise.reject(answer ?? notFound)
  })
  result.catch(() => undefined)
  return { clock, calls: () => calls, result }
}

describe('whileAttaching', () => {
  it('repeats what passes by itself', async () => {
    const { clock, calls, result } = bed([
      notFound,
      new FlotillaError('engine/server', 'could not attach to network wide: x', { status: 500 }),
      'ok',
    ])
    await clock.advance(1000)
    expect([await result, calls()]).toEqual(['ok', 3])
  })

  it('gives up after twenty seconds with the last words', async () => {
    const { clock, calls, result } = bed([notFound])
    await clock.advance(30_000)
    await expect(result).rejects.toBe(notFound)
    expect(calls()).toBe(41)
  })

  it.each([
    new FlotillaError('engine/conflict', 'endpoint with name x already exists in network wide', { status: 403 }),
    new FlotillaError('engine/unreachable', 'network wide not found'),
  ])('repeats nothing else: $message', async (error) => {
    const { calls, result } = bed([error, 'ok'])
    await expect(result).rejects.toBe(error)
    expect(calls()).toBe(1)
  })
})
