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
  it('begin with one for each processor, two at least', () => {
    expect(makeMachine(1).limit()).toBe(2)
    expect(makeMachine(2).limit()).toBe(2)
    expect(makeMachine(16).limit()).toBe(16)
  })

  it('grow by one while processors are idle, to four times as many at most', () => {
    expect(limitsOver(Array.from({ length: 9 }, () => 0.2))).toEqual([3, 4, 5, 6, 7, 8, 8, 8, 8])
  })

  it('shrink again when none is idle, not below where they began', () => {
    const limits = limitsOver([0.3, 0.3, 0.3, ...Array.from({ length: 20 }, () => 0)])
    expect(Math.max(...limits)).toBeGreaterThan(4)
    expect(limits.at(-1)).toBe(2)
  })

  it('stay where processors are idle for a moment only', () => {
    expect(limitsOver([0.1, 0, 0.1, 0, 0.03, 0.03])).toEqual([2, 2, 2, 2, 2, 2])
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
    expect([limit(), limit(), limit()]).toEqual([2, 2, 2])
  })
})
