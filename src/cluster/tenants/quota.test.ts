import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import type { NodeView } from '../model.ts'
import { Ledger } from './ledger.ts'
import { TENANT_LABEL } from './owner.ts'
import { findExcess, sumUse } from './quota.ts'
import type { Use } from './quota.ts'
import { takeOne } from './rates.ts'
import type { RateState } from './rates.ts'

const nothing = { containers: new Map(), away: new Map(), volumes: new Map(), networks: new Map() }
const labels = new Map([[TENANT_LABEL, 'blue']])
const zero: Use = { containers: 0, nanoCpus: 0, memoryBytes: 0, volumes: 0, networks: 0, ports: 0 }

describe('what a tenant has', () => {
  const web = makeContainer('web', {
    swarmId: 's1',
    nanoCpus: 1e9,
    memoryBytes: 100,
    published: ['0.0.0.0', '::'].map((ip) => ({ ip, privatePort: 80, publicPort: 8080, protocol: 'tcp' })),
  })
  const volume = { name: 'data', driver: 'local', scope: 'local', labels, row: {} }
  const network = { id: 'n', name: 'net', scope: 'local', driver: 'bridge', createdAtMs: 0, row: {} }
  const nodes = [
    makeNode('n1', {
      containers: [web],
      volumes: [volume],
      networks: [
        { ...network, labels },
        { ...network, id: 'b', labels: new Map() },
      ],
    }),
    makeNode('n2', { volumes: [volume], containers: [makeContainer('old', { memoryBytes: 1 })] }),
  ]

  it('counts each thing once: volumes by name, networks of its own, ports once for both families', () => {
    expect(sumUse('blue', nodes, nothing)).toEqual({
      containers: 2,
      nanoCpus: 1e9,
      memoryBytes: 101,
      volumes: 1,
      networks: 1,
      ports: 1,
    })
  })

  it('counts what is under way, and nothing twice that shows already', () => {
    const use = { nanoCpus: 5e8, memoryBytes: 50, ports: 3 }
    const underWay = {
      away: new Map(),
      containers: new Map([
        ['s1', use],
        ['s2', use],
      ]),
      volumes: new Map([
        ['data', 1],
        ['more', 2],
      ]),
      networks: new Map([
        ['net', 1],
        ['next', 1],
      ]),
    }
    expect(sumUse('blue', nodes, underWay)).toEqual({
      containers: 3,
      nanoCpus: 1e9,
      memoryBytes: 101,
      volumes: 2,
      networks: 2,
      ports: 6,
    })
  })
})

describe('a refusal', () => {
  it('names the first quota that something would go over', () => {
    const before = { ...zero, containers: 1, memoryBytes: 2 ** 30 }
    const after = { ...zero, containers: 2, memoryBytes: 2 ** 31, nanoCpus: 1.5e9 }
    expect(findExcess('blue', { containers: 2 }, before, after)).toBeUndefined()
    expect(findExcess('blue', { containers: 1, cpus: 0 }, before, after)).toBe(
      'tenant blue would go over its quota of containers: 1 in use, 1 more asked for, limit 1',
    )
    expect(findExcess('blue', { cpus: 1 }, before, after)).toMatch(
      /quota of cpus: 0 in use, 1.5 more asked for, limit 1$/,
    )
    expect(findExcess('blue', { memoryBytes: 2 ** 30 }, before, after)).toMatch(
      /quota of memory: 1GiB in use, 1GiB more/,
    )
  })

  it('is not for what adds nothing to a quota that was lowered', () => {
    const before = { ...zero, containers: 5, memoryBytes: 10 }
    expect(
      findExcess('blue', { containers: 2, memoryBytes: 20 }, before, { ...before, memoryBytes: 15 }),
    ).toBeUndefined()
    expect(findExcess('blue', { containers: 2 }, before, { ...before, containers: 6 })).toMatch(/5 in use/)
  })
})

describe('the ledger', () => {
  it('lets through what fits and gives back what ends, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.boolean()), { maxLength: 40 }), (steps) => {
        const nodes: readonly NodeView[] = []
        const ledger = new Ledger(
          'blue',
          () => nodes,
          () => new Map(),
          () => 0,
        )
        const held = new Map<number, { end(): void }>()
        for (const [key, isTaken] of steps) {
          const use = { nanoCpus: 0, memoryBytes: 1, ports: 0 }
          if (!isTaken) {
            held.get(key)?.end()
            held.get(key)?.end()
            held.delete(key)
          } else if (!held.has(key)) {
            try {
              held.set(key, ledger.takeContainer({ containers: 3 }, String(key), use))
            } catch {
              expect(held.size).toBe(3)
            }
          }
          expect(ledger.sum().containers).toBe(held.size)
          expect(held.size).toBeLessThanOrEqual(3)
        }
      }),
    )
  })
})

describe('what has been made and does not show yet', () => {
  const volume = { name: 'data', driver: 'local', scope: 'local', labels, row: {} }
  const network = { id: 'n', name: 'net', scope: 'local', driver: 'bridge', createdAtMs: 0, row: {}, labels }

  it('counts until it shows, and goes with what shows', () => {
    let nodes: readonly NodeView[] = []
    const ledger = new Ledger(
      'blue',
      () => nodes,
      () => new Map(),
      () => 0,
    )
    for (const [kind, name] of [
      ['volumes', 'data'],
      ['networks', 'net'],
    ] as const) {
      const making = ledger.take({}, kind, name)
      making.endOnceSeen()
      making.end()
      making.endOnceSeen()
    }
    expect(ledger.sum()).toMatchObject({ volumes: 1, networks: 1 })
    // One of the name that is nobody's is not it.
    nodes = [makeNode('n1', { networks: [{ ...network, labels: new Map() }] })]
    expect(ledger.sum()).toMatchObject({ volumes: 1, networks: 1 })
    nodes = [makeNode('n1', { networks: [network], volumes: [volume] })]
    expect(ledger.sum()).toMatchObject({ volumes: 1, networks: 1 })
    nodes = []
    expect(ledger.sum()).toMatchObject({ volumes: 0, networks: 0 })
  })

  it('is believed for two minutes', () => {
    let nowMs = 0
    const ledger = new Ledger(
      'blue',
      () => [],
      () => new Map(),
      () => nowMs,
    )
    ledger.take({}, 'volumes', 'data').endOnceSeen()
    nowMs = 119_999
    expect(ledger.sum().volumes).toBe(1)
    nowMs = 120_000
    expect(ledger.sum().volumes).toBe(0)
  })
})

describe('a rate', () => {
  it('lets through no more than it says in any stretch of its time, and waits no longer than it has to', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 }),
        (most, gaps) => {
          const rate = { most, periodMs: 1000 }
          let state: RateState | undefined
          let nowMs = 5000
          let passed = 0
          for (const gap of gaps) {
            nowMs += gap
            const verdict = takeOne(rate, state, nowMs)
            state = verdict.state
            if (verdict.waitMs === 0) passed += 1
            else expect(takeOne(rate, state, nowMs + verdict.waitMs + 1e-6).waitMs).toBe(0)
          }
          expect(passed).toBeLessThanOrEqual(most + (most * (nowMs - 5000 - (gaps[0] ?? 0))) / 1000 + 1e-6)
        },
      ),
    )
  })

  it('of none lets nothing through, and one below one lets one through at first', () => {
    expect(takeOne({ most: 0, periodMs: 1000 }, undefined, 0).waitMs).toBe(Number.POSITIVE_INFINITY)
    const first = takeOne({ most: 0.5, periodMs: 1000 }, undefined, 0)
    expect([first.waitMs, takeOne({ most: 0.5, periodMs: 1000 }, first.state, 0).waitMs]).toEqual([0, 2000])
  })
})
