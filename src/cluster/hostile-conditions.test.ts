import { beforeAll, describe, expect, it } from 'vitest'
import { makeNode, makeRequest } from '../testing/cluster-builders.ts'
import { parseExpressions } from './expression.ts'
import type { CompileRegex } from './expression.ts'
import { defaultFilters } from './filters/default-filters.ts'
import { PlacementIndex } from './placement-index.ts'
import { loadRegex } from './regex.ts'
import { parseCreate } from './request.ts'
import { schedule } from './schedule.ts'
import { readSpecs } from './watch/specs.ts'
import { spreadStrategy } from './strategies/spread.ts'

/** Conditions and numbers of people who mean no good, or mistype (reliability.md §6.4). */

const policy = { filters: defaultFilters, strategy: spreadStrategy }
const random = { next: () => 0 }

let compile: CompileRegex
beforeAll(async () => {
  compile = await loadRegex()
})

describe('patterns', () => {
  it.each([
    ['x1==/(a+)+$/', 'a'],
    ['x1==/(a|aa)+$/', 'a'],
    ['x1==/(.*)*b$/', 'a'],
    [`x1==${'*a'.repeat(300)}b`, 'a'],
  ])('%s ends, where trying every way to match it would not', (text, letter) => {
    const labels = new Map([['x1', `${letter.repeat(4096)}!`]])
    const nodes = Array.from({ length: 100 }, (_, index) => makeNode(`n${String(index)}`, { labels }))
    const index = new PlacementIndex(policy)
    for (const node of nodes) index.set(node)
    expect(index.place(makeRequest({ constraints: [text], compile }), random)).toMatchObject({ reason: 'conditions' })
  })

  it.each([
    ['key==/(a)\\1/', '\\1'],
    ['key==/(?=a)b/', '(?='],
    ['key==/(?!a)b/', '(?!'],
    ['key==/(?<=a)b/', '(?<'],
    ['key==/(x/', 'missing closing )'],
  ])('%s is refused by naming %s', (text, construct) => {
    const { problem } = parseExpressions([text], compile)
    // Values with characters that no value may have do not get as far as the pattern.
    expect(problem).toContain(
      text.includes('=a') || text.includes('!') || text.includes('<') ? 'is invalid' : construct,
    )
    const result = schedule([makeNode('a')], makeRequest({ constraints: [text], compile }), policy, random)
    expect(result).toMatchObject({ kind: 'refused', reason: 'invalid' })
  })
})

describe('lists', () => {
  it('ten thousand conditions are refused in one sentence', () => {
    const constraints = Array.from({ length: 10_000 }, (_, index) => `key${String(index)}==x`)
    const result = schedule([makeNode('a')], makeRequest({ constraints }), policy, random)
    expect(result.kind === 'refused' ? result.text : '').toContain(
      'error from constraint filter: 10000 expressions are too many, at most 1000 are allowed',
    )
  })

  it('conditions that exclude each other say how many nodes each filter took', () => {
    const nodes = ['a', 'b', 'c'].map((name) => makeNode(name, { labels: new Map([['zone', name]]) }))
    const request = makeRequest({ constraints: ['zone==a', 'zone==b'], whitelists: ['node==c'] })
    expect(schedule(nodes, request, policy, random)).toMatchObject({
      reason: 'conditions',
      blockers: [{ filter: 'constraint', nodes: 3, conditions: 'zone==a zone==b' }],
    })
  })
})

describe('numbers', () => {
  it.each([
    ['Memory', -1],
    ['Memory', 1e30],
    ['Memory', { text: '9223372036854775808' }],
    ['Memory', 'NaN'],
    ['MemoryReservation', -1],
    ['NanoCpus', 0.1],
    ['NanoCpus', -5],
    ['CpuShares', 1.5],
    ['CpuShares', 1e300],
  ])('HostConfig.%s %j is a range error with its name', (key, value) => {
    const parse = (): unknown => parseCreate('', { HostConfig: { [key]: value } }, compile, () => '')
    expect(parse).toThrow(
      expect.objectContaining({ status: 400, message: expect.stringContaining(`invalid value for HostConfig.${key}`) }),
    )
  })

  it.each([
    [5, 2, 2],
    [5, 20, 21],
    [50, 3, 4],
    [-50, 4, 2],
    [0, 4, 4],
  ])('overcommit of %i percent makes %i CPUs %i', (percent, NCPU, totalCpus) => {
    const info = { ID: 'x', Name: 'x', NCPU, MemTotal: 1 }
    const reading = readSpecs('a:1', { info, version: {}, ip: '' }, percent, 0)
    expect(reading).toMatchObject({ isUsable: true, specs: { totalCpus } })
  })
})
