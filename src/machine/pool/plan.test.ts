import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countMachines, maxCreating, planPool } from './plan.ts'
import type { PoolMachine, PoolNode, PoolView, Waiting } from './plan.ts'
import type { Pool } from './pool.ts'

const gb = 2 ** 30
const pool: Pool = { name: 'ci', driver: 'local', min: 0, max: 10, idleMs: 600_000, ignoresExited: false, flags: {} }
const nowMs = 10_000_000
const one = { nanoCpus: 2e9, memoryBytes: 4 * gb }

function node(more: Partial<PoolNode> = {}): PoolNode {
  return { isHealthy: true, isClosed: false, containers: 1, ...one, ...more }
}

function ready(name: string, more: Partial<PoolNode> | 'absent' = {}, sinceMs = 0): PoolMachine {
  return { name, phase: 'ready', sinceMs, ...(more !== 'absent' && { node: node(more) }) }
}

function waiting(id: string, memory = gb): Waiting {
  return { id, nanoCpus: 0, memoryBytes: memory }
}

function plan(more: Partial<PoolView>): ReturnType<typeof planPool> {
  return planPool({ pool, machines: [], waiting: [], hopeless: new Set(), nowMs, notBeforeMs: 0, ...more })
}

describe('growing', () => {
  it('one machine first, to learn what it holds; then as many as what waits needs', () => {
    const many = Array.from({ length: 9 }, (_, index) => waiting(`w${index}`, 2 * gb))
    expect(plan({ waiting: many }).create).toBe(1)
    expect(plan({ waiting: many, capacity: one }).create).toBe(maxCreating)
    expect(plan({ waiting: many.slice(0, 3), capacity: one, machines: [ready('a')] }).create).toBe(2)
  })

  it('counts machines that are on their way and those that are free', () => {
    const creating: PoolMachine = { name: 'b', phase: 'creating', sinceMs: nowMs }
    const two = [waiting('x', 3 * gb), waiting('y', 3 * gb)]
    expect(plan({ waiting: two, capacity: one, machines: [creating] }).create).toBe(1)
    expect(plan({ waiting: two, capacity: one, machines: [creating, ready('c', 'absent', nowMs)] }).create).toBe(0)
    const free = ready('d', { containers: 0, idleSinceMs: nowMs })
    expect(plan({ waiting: two, capacity: one, machines: [creating, free] })).toEqual({
      create: 0,
      remove: [],
      hopeless: [],
    })
  })

  it('stops at max, keeps min, and waits after a failure', () => {
    const full = Array.from({ length: 10 }, (_, index) => ready(`m${index}`))
    expect(plan({ waiting: [waiting('x')], capacity: one, machines: full }).create).toBe(0)
    expect(plan({ pool: { ...pool, min: 2 } }).create).toBe(2)
    expect(plan({ pool: { ...pool, min: 2 }, notBeforeMs: nowMs + 1 }).create).toBe(0)
  })

  it('does not grow for what no such machine can take', () => {
    const huge = waiting('huge', 8 * gb)
    expect(plan({ waiting: [huge], capacity: one })).toEqual({ create: 0, remove: [], hopeless: ['huge'] })
    // A free machine did not help within its time: another one like it will not either.
    const idle = ready('a', { containers: 0, idleSinceMs: nowMs - 6000 })
    expect(plan({ waiting: [waiting('odd')], capacity: one, machines: [idle] })).toMatchObject({
      create: 0,
      hopeless: ['odd'],
    })
    expect(plan({ waiting: [waiting('odd')], capacity: one, hopeless: new Set(['odd']) }).create).toBe(0)
  })
})

describe('shrinking', () => {
  const idle = (name: string, sinceMs: number, more: Partial<PoolNode> = {}): PoolMachine =>
    ready(name, { containers: 0, idleSinceMs: sinceMs, ...more })

  it('takes machines that have been idle long enough, the longest first, down to min', () => {
    const machines = [idle('a', nowMs - 700_000), idle('b', nowMs - 900_000), idle('c', nowMs - 1000), ready('d')]
    expect(plan({ machines }).remove.map((each) => each.name)).toEqual(['b', 'a'])
    expect(plan({ machines, pool: { ...pool, min: 3 } }).remove.map((each) => each.name)).toEqual(['b'])
    expect(plan({ machines, pool: { ...pool, min: 4 } }).remove).toEqual([])
  })

  it('cleans up what an earlier life left: half-made machines, closed empty ones, those that never joined', () => {
    const machines: PoolMachine[] = [
      { name: 'half', phase: 'broken', sinceMs: nowMs },
      idle('closed', nowMs, { isClosed: true }),
      ready('lost', 'absent', nowMs - 800_000),
      ready('closed-busy', { isClosed: true }),
      ready('unhealthy', { isHealthy: false, containers: 0 }),
    ]
    expect(plan({ machines, pool: { ...pool, min: 5 } }).remove.map((each) => each.name)).toEqual([
      'half',
      'closed',
      'lost',
    ])
  })

  it('waits while something waits that the machine may yet take', () => {
    const machines = [idle('a', nowMs - 1000)]
    expect(plan({ machines, waiting: [waiting('x')], capacity: one, pool: { ...pool, idleMs: 1000 } }).remove).toEqual(
      [],
    )
  })
})

describe('whatever is seen', () => {
  const anyMachine: fc.Arbitrary<PoolMachine> = fc.record({
    name: fc.uuid(),
    phase: fc.constantFrom('creating', 'ready', 'broken', 'leaving'),
    sinceMs: fc.integer({ min: 0, max: nowMs }),
    node: fc.record({
      isHealthy: fc.boolean(),
      isClosed: fc.boolean(),
      containers: fc.integer({ min: 0, max: 2 }),
      nanoCpus: fc.constant(2e9),
      memoryBytes: fc.constant(4 * gb),
      idleSinceMs: fc.integer({ min: 0, max: nowMs }),
    }),
  })

  it('the pool stays within its bounds, and nothing that holds a container goes', () => {
    const bounds = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }))
    const waits = fc.array(
      fc.record({ id: fc.uuid(), nanoCpus: fc.constant(0), memoryBytes: fc.integer({ min: 0, max: 6 * gb }) }),
    )
    fc.assert(
      fc.property(fc.array(anyMachine, { maxLength: 12 }), waits, bounds, (machines, asked, [min, more]) => {
        const own = { ...pool, min, max: Math.max(1, min + more) }
        const result = plan({ pool: own, machines, waiting: asked, capacity: one })
        const staying = machines.filter(({ phase }) => phase === 'creating' || phase === 'ready').length
        const gone = result.remove.map(({ name }) => machines.find((each) => each.name === name))
        expect(gone.filter((each) => each?.phase === 'ready' && (each.node?.containers ?? 0) > 0)).toEqual([])
        const left = staying - gone.filter((each) => each?.phase !== 'broken').length
        if (result.create > 0) expect(left + result.create).toBeLessThanOrEqual(own.max)
        expect(result.create).toBeLessThanOrEqual(maxCreating)
      }),
    )
  })

  it('first fit needs no more machines than containers', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 20 }), (sizes) => {
        const demand = sizes.map((size, index) => waiting(String(index), size * gb))
        const count = countMachines(demand, one)
        expect(count).toBeLessThanOrEqual(sizes.length)
        expect(count * 4).toBeGreaterThanOrEqual(sizes.reduce((sum, size) => sum + size, 0))
      }),
    )
  })
})
