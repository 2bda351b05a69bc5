import { describe, expect, it } from 'vitest'
import { makeContainer, makeImage, makeNode, makeRequest } from '../../testing/cluster-builders.ts'
import { parseExpressions } from '../expression.ts'
import { affinityFilter } from '../filters/affinity.ts'
import { constraintFilter } from '../filters/constraint.ts'
import { noRegex } from '../regex.ts'
import { spreadStrategy } from '../strategies/spread.ts'
import { settleAffinities } from './settle-affinities.ts'

const own = [
  makeNode('n1', {
    containers: [makeContainer('web', { labels: new Map([['app', 'shop']]) })],
    images: [makeImage('app:1')],
  }),
  makeNode('n2'),
]
/** As it is: another tenant's things are there as well. */
const whole = [
  makeNode('n1', { containers: [...own[0]!.containers, makeContainer('theirs')] }),
  makeNode('n2', {
    containers: [makeContainer('other', { labels: new Map([['app', 'blog']]) })],
    images: [makeImage('red/app:1')],
  }),
]
const policy = { filters: [constraintFilter, affinityFilter], strategy: spreadStrategy }

function fits(text: string): readonly string[] {
  const request = { ...makeRequest(), affinities: parseExpressions([text], noRegex, 'affinity') }
  const settled = settleAffinities(request, own, policy)
  return whole.filter((node) => policy.filters.every((filter) => filter.pass(settled, node))).map((node) => node.name)
}

describe('affinities of a tenant', () => {
  it.each([
    ['container==web', 'n1'],
    ['container!=web', 'n2'],
    ['container==theirs', ''],
    ['container!=theirs', 'n1 n2'],
    ['container==o*', ''],
    ['container!=*', 'n2'],
    ['app==shop', 'n1'],
    ['app==blog', ''],
    ['app!=blog', 'n1 n2'],
    ['image==app:1', 'n1'],
    ['image==red/app:1', ''],
  ])('%s fits %s: they are about its own things', (text, expected) => {
    expect(fits(text).join(' ')).toBe(expected)
  })

  it('stay soft, keep their words, and mean nothing where the filter is off', () => {
    const request = { ...makeRequest(), affinities: parseExpressions(['container==~web'], noRegex, 'affinity') }
    const settled = settleAffinities(request, own, policy)
    expect(settled.constraints.expressions).toMatchObject([{ isSoft: true, value: 'n1 (affinity container==web)' }])
    expect(settled.affinities.expressions).toEqual([])
    const off = settleAffinities(request, own, { ...policy, filters: [constraintFilter] })
    expect([off.constraints.expressions, off.affinities.expressions]).toEqual([[], []])
    const wrong = { ...makeRequest(), affinities: parseExpressions(['=='], noRegex, 'affinity') }
    expect(settleAffinities(wrong, own, policy)).toBe(wrong)
  })
})
