import { describe, expect, it } from 'vitest'
import { testStrategy } from '../../../test/conformance/strategy.ts'
import { makeContainer, makeNode, makeRequest } from '../../testing/cluster-builders.ts'
import { binpackStrategy } from './binpack.ts'
import { randomStrategy } from './random.ts'
import { spreadStrategy } from './spread.ts'

for (const strategy of [spreadStrategy, binpackStrategy, randomStrategy]) testStrategy(strategy)

const cpu = 1e9
const gibibyte = 2 ** 30

describe('weights (classicswarm scheduler/strategy/weighted_node.go)', () => {
  const empty = makeNode('a')
  const oneUsed = makeNode('b', { containers: [makeContainer('c', { nanoCpus: cpu })] })
  const request = makeRequest({ nanoCpus: cpu })

  it('4 CPUs, one asked: spread -875 when empty and -850 with one used, binpack 1125 and 1150', () => {
    expect(spreadStrategy.weigh(request, empty)).toBe(-875)
    expect(spreadStrategy.weigh(request, oneUsed)).toBe(-850)
    expect(binpackStrategy.weigh(request, empty)).toBe(1125)
    expect(binpackStrategy.weigh(request, oneUsed)).toBe(1150)
  })

  it('counts 100 for what is not asked for, and whole percent for the rest', () => {
    expect(spreadStrategy.weigh(makeRequest(), empty)).toBe(200 - 1000)
    const third = makeRequest({ memoryBytes: Math.floor((2 * gibibyte) / 3) })
    expect(spreadStrategy.weigh(third, empty)).toBe(100 + 33 - 1000)
  })

  it('weighs a node with failures less', () => {
    const shaky = makeNode('a', { health: { state: 'healthy', failures: 1, indicator: 67 } })
    expect(spreadStrategy.weigh(request, shaky)).toBe(125 - 670)
    expect(binpackStrategy.weigh(request, shaky)).toBe(125 + 670)
  })

  it('uses what there is to the last byte, and no more', () => {
    const full = makeRequest({ nanoCpus: 4 * cpu, memoryBytes: 2 * gibibyte })
    expect(binpackStrategy.weigh(full, empty)).toBe(200 + 1000)
    expect(binpackStrategy.weigh({ ...full, memoryBytes: 2 * gibibyte + 1 }, empty)).toBeUndefined()
    expect(binpackStrategy.weigh({ ...full, nanoCpus: 4 * cpu + 1 }, empty)).toBeUndefined()
    expect(randomStrategy.weigh({ ...full, nanoCpus: 5 * cpu }, empty)).toBeUndefined()
  })

  it('takes fractions of CPUs into account', () => {
    const half = makeRequest({ nanoCpus: cpu / 2 })
    expect(spreadStrategy.weigh(half, oneUsed)).toBe(37 + 100 - 1000)
  })
})
