import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { accepts, maxExpressions, needsRegex, parseExpressions } from './expression.ts'
import type { CompileRegex } from './expression.ts'
import { loadRegex, noRegex } from './regex.ts'

let compile: CompileRegex
beforeAll(async () => {
  compile = await loadRegex()
})

function match(text: string, ...candidates: string[]): boolean {
  const { expressions, problem } = parseExpressions([text], needsRegex([text]) ? compile : noRegex)
  expect(problem).toBeUndefined()
  return accepts(expressions[0]!, candidates)
}

describe('matching (swarm.md §6; classicswarm scheduler/filter/expr.go)', () => {
  it.each([
    ['storage==ssd', 'ssd', true],
    ['storage==s.d', 'sad', true],
    ['storage==ss*', 'ssd2', true],
    ['storage==/s.d/', 'xssdx', true],
    ['storage==ssd', 'SSD', false],
    ['storage==/(?i)ssd/', 'SSD', true],
    ['storage!=ssd', '', true],
    ['storage==*', '', true],
    ['region!=us*', 'us-east', false],
    ['region==~us*', 'us-east', true],
    ['node==/node-[12]/', 'node-10', true],
    ['image==busybox', 'busybox:1', false],
    ['storage==ssd|disk', 'disk', true],
    ['storage==(ssd|disk)', 'ssdx', false],
    ['storage==*s*d*', 'a-ssd-b', true],
    ['storage==a*b*c', 'abxc', true],
    ['storage==a*b', 'a', false],
    ['storage==aa*aa', 'aaa', false],
    ['storage==/^ssd$/', 'ssd', true],
  ] as const)('%s against %j is %s', (text, value, expected) => {
    expect(match(text, value)).toBe(expected)
  })

  it('takes any of several candidates for ==, and none of them for !=', () => {
    expect(match('image==busybox', 'busybox:1', 'busybox')).toBe(true)
    expect(match('container!=c*', 'web', 'c1')).toBe(false)
    expect(match('container!=c*')).toBe(true)
    expect(match('container==*')).toBe(false)
  })

  it('needs the regular expression engine only for regular expressions', () => {
    expect(needsRegex(['storage==ssd', 'region==us*', 'node!=a.b', 'x==~*y'])).toBe(false)
    for (const text of ['a1==/x/', 'a1==x|y', 'a1!=~(x)', 'a1==[ab]']) expect(needsRegex([text])).toBe(true)
  })

  it('matches globs as the regular expression they stand for does', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '-', '1'), maxLength: 12 })
    const globs = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.', '-'), minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(globs, letters, (glob, text) => {
        const isExpected = compile(`^${glob.replaceAll('*', '.*')}$`)(text)
        expect(match(`key==${glob}`, text)).toBe(isExpected)
      }),
      { numRuns: 2000 },
    )
  })

  it('ends on patterns for which a matcher that tries everything would not', () => {
    const text = 'a'.repeat(4096)
    expect(match('key==/(a+)+$/', `${text}b`)).toBe(false)
    expect(match(`key==${'*a'.repeat(400)}b`, text)).toBe(false)
  })
})

describe('syntax', () => {
  it.each([
    ['storage=ssd', 'One of operator ==, != is expected'],
    ['', 'One of operator ==, != is expected'],
    ['==', "Key '' is invalid"],
    ['a==b', "Key 'a' is invalid"],
    ['1a==b', "Key '1a' is invalid"],
    ['a!=b==c', "Key 'a!=b' is invalid"],
    ['key==', "Value '' is invalid"],
    ['key==~', "Value '~' is invalid"],
    ['key==a,b', "Value 'a,b' is invalid"],
    ['key==a=b', "Value 'a=b' is invalid"],
    ['key==~~a', "Value '~~a' is invalid"],
  ])('%j is refused: %s', (text, problem) => {
    expect(parseExpressions([text], noRegex)).toEqual({ expressions: [], problem })
  })

  it('refuses regular expressions that are not Go syntax, naming the value', () => {
    for (const value of ['/(x/', '/(?=a)b/', '/(a)\\1/']) {
      const { problem } = parseExpressions([`key==${value}`], compile)
      expect(problem).toMatch(/^Value '.*' is invalid/)
    }
  })

  it('refuses values that are too long', () => {
    const { problem, isBeyondLimit } = parseExpressions([`key==${'a'.repeat(1025)}`], noRegex)
    expect(problem).toContain('longer than 1024 characters')
    expect(isBeyondLimit).toBe(true)
  })

  it('refuses more expressions than anybody means', () => {
    const texts = Array.from({ length: maxExpressions + 1 }, () => 'key==a')
    const problem = '1001 expressions are too many, at most 1000 are allowed'
    expect(parseExpressions(texts, noRegex)).toEqual({ expressions: [], problem, isBeyondLimit: true })
  })

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 30 }), { maxLength: 4 }), (texts) => {
        parseExpressions(texts, compile)
      }),
    )
  })

  it('knows soft and negated expressions', () => {
    const { expressions } = parseExpressions(['region!=~us*'], noRegex)
    expect(expressions[0]).toMatchObject({ key: 'region', isNegated: true, isSoft: true, value: 'us*' })
  })
})
