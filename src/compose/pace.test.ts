import { describe, expect, it } from 'vitest'
import { keepBusy } from './pace.ts'

/** Processors whose share of idle time a test sets, and a clock that it moves. */
function makeMachine(processors: number): {
  readonly limit: () => number
  readonly pass: (ms: number, idleShare: number) => void
  readonly reads: () => number
} {
  let nowMs = 1000
  let idleMs = 5_000_000
  let totalMs = 9_000_000
  let reads = 0
  const limit = keepBusy(
    processors,
    () => {
      reads += 1
      return { idleMs, totalMs }
    },
    () => nowMs,
  )
  const pass = (ms: number, idleShare: number): void => {
    nowMs += ms
    totalMs += ms * processors
    idleMs += ms * processors * idleShare
  }
  return { limit, pass, reads: () => reads }
}

function limitsOver(idleShares: readonly number[], processors = 2): readonly number[] {
  const machine = makeMachine(processors)
  return idleShares.map((share) => {
    machine.pass(100, share)
    return machine.limit()
  })
}

describe('changes at once on the machine of the engine', () => {
  it('begin with four for each processor, eight at least', () => {
    expect(makeMachine(1).limit()).toBe(8)
    expect(makeMachine(2).limit()).toBe(8)
    expect(makeMachine(16).limit()).toBe(64)
  })

  it('shrink by one while none is idle, after half a second, to one for each processor, two at least', () => {
    const busy = Array.from({ length: 14 }, () => 0)
    expect(limitsOver(busy)).toEqual([8, 8, 8, 8, 7, 6, 5, 4, 3, 2, 2, 2, 2, 2])
    expect(limitsOver(busy, 1).at(-1)).toBe(2)
    expect(
      limitsOver(
        Array.from({ length: 99 }, () => 0),
        16,
      ).at(-1),
    ).toBe(16)
  })

  it('grow again when processors are idle, not above where they began', () => {
    const limits = limitsOver([...Array.from({ length: 14 }, () => 0), ...Array.from({ length: 9 }, () => 0.2)])
    expect(limits.slice(14)).toEqual([3, 4, 5, 6, 7, 8, 8, 8, 8])
  })

  it('stay where processors are idle or busy for a moment only', () => {
    expect(limitsOver([0.1, 0, 0.1, 0, 0.03, 0.03])).toEqual([8, 8, 8, 8, 8, 8])
    const later = limitsOver([...Array.from({ length: 14 }, () => 0), 0.1, 0, 0.03, 0.03])
    expect(later.slice(14)).toEqual([2, 2, 2, 2])
  })

  it('ask for the times ten times a second at most, however often they are asked for themselves', () => {
    const machine = makeMachine(2)
    for (let call = 0; call < 1000; call += 1) {
      machine.pass(1, 0.5)
      machine.limit()
    }
    expect(machine.reads()).toBeLessThanOrEqual(11)
  })

  it('stay where no times are known', () => {
    let nowMs = 0
    const limit = keepBusy(
      2,
      () => ({ idleMs: 0, totalMs: 0 }),
      () => (nowMs += 1000),
    )
    expect([limit(), limit(), limit()]).toEqual([8, 8, 8])
  })
})
