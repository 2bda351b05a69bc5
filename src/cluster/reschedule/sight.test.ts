import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyObserver, parseObserverRule, renderSight, weighSightings } from './sight.ts'
import type { ObserverRule, Sighting } from './sight.ts'

function say(...says: readonly Sighting['says'][]): readonly Sighting[] {
  return says.map((each, at) => ({ manager: `m${at + 1}:3376`, says: each }))
}

const majority: ObserverRule = { kind: 'majority' }

describe('whether an engine that the leader misses is lost', () => {
  it.each([
    ['nobody else is there', anyObserver, [], true],
    ['the only other one reaches it', anyObserver, ['reached'], false],
    ['the only other one misses it too', anyObserver, ['missed'], true],
    ['the only other one is silent', anyObserver, ['silent'], true],
    ['one of two reaches it', anyObserver, ['missed', 'reached'], false],
    ['two are wanted and one reaches it', { kind: 'count', count: 2 }, ['missed', 'reached'], true],
    ['two are wanted and two reach it', { kind: 'count', count: 2 }, ['reached', 'silent', 'reached'], false],
    ['most miss it', majority, ['missed', 'reached'], true],
    ['as many reach it as miss it', majority, ['reached'], false],
    ['a silent one has no vote', majority, ['reached', 'silent'], false],
    ['nobody is asked', { kind: 'off' }, ['reached'], true],
  ] as const)('%s', (_, rule, says, isLost) => {
    expect(weighSightings(rule, say(...says)).isLost).toBe(isLost)
  })

  it('tells who reaches it, in order and each once', () => {
    const twice = [...say('reached', 'missed', 'reached'), ...say('reached')].reverse()
    expect(weighSightings(anyObserver, twice)).toEqual({ isLost: false, reachedBy: ['m1:3376', 'm3:3376'] })
  })
})

const rules: fc.Arbitrary<ObserverRule> = fc.oneof(
  fc.constant<ObserverRule>({ kind: 'off' }),
  fc.constant(majority),
  fc.integer({ min: 1, max: 4 }).map((count) => ({ kind: 'count', count }) as const),
)
const sightings = fc
  .array(fc.constantFrom<Sighting['says']>('reached', 'missed', 'silent'), { maxLength: 6 })
  .map((says) => say(...says))
const newcomer = 'm9:3376'

describe('whatever the managers say', () => {
  it('order and silence change nothing', () => {
    fc.assert(
      fc.property(rules, sightings, (rule, all) => {
        const once = weighSightings(rule, all)
        expect(weighSightings(rule, all.toReversed())).toEqual(once)
        expect(weighSightings(rule, [...all, { manager: newcomer, says: 'silent' }])).toEqual(once)
        expect(
          weighSightings(
            rule,
            all.filter((each) => each.says !== 'silent'),
          ),
        ).toEqual(once)
      }),
    )
  })

  it('one more that reaches it never makes it lost, one more that misses it never finds it', () => {
    fc.assert(
      fc.property(rules, sightings, (rule, all) => {
        const { isLost } = weighSightings(rule, all)
        if (!isLost) expect(weighSightings(rule, [...all, { manager: newcomer, says: 'reached' }]).isLost).toBe(false)
        if (isLost) expect(weighSightings(rule, [...all, { manager: newcomer, says: 'missed' }]).isLost).toBe(true)
      }),
    )
  })

  it('what nobody reaches is lost by every rule, and no rule keeps more than any observer does', () => {
    fc.assert(
      fc.property(rules, sightings, (rule, all) => {
        if (all.every((each) => each.says !== 'reached')) expect(weighSightings(rule, all).isLost).toBe(true)
        if (weighSightings(anyObserver, all).isLost) expect(weighSightings(rule, all).isLost).toBe(true)
      }),
    )
  })
})

describe('texts', () => {
  it.each([
    ['any', anyObserver],
    ['1', anyObserver],
    ['3', { kind: 'count', count: 3 }],
    ['majority', majority],
    ['off', { kind: 'off' }],
    ['0', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['', undefined],
    ['all', undefined],
  ])('rule %j', (text, rule) => {
    expect(parseObserverRule(text)).toEqual(rule)
  })

  it('names the managers', () => {
    const of = (reachedBy: readonly string[]): string => renderSight({ isLost: false, reachedBy })
    expect([renderSight(undefined), of([]), of(['a:1']), of(['a:1', 'b:1', 'c:1'])]).toEqual([
      '',
      '',
      'not reached from here, but from manager a:1',
      'not reached from here, but from managers a:1, b:1 and c:1',
    ])
  })
})
