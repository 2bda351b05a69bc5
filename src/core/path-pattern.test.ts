import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PatternList } from './ignore.ts'
import { compilePathPattern, compilePathSteps } from './path-pattern.ts'

describe('patterns of paths', () => {
  it('mean the same by steps as by the expressions of the language', () => {
    const pattern = fc
      .array(
        fc.constantFrom('*', '**', '**/', '/', 'a', 'b', '?', '[ab]', '[^a]', '[a-\\b]', '[^/-a]', '\\*', '💾', '.'),
        { maxLength: 6 },
      )
      .map((parts) => parts.join(''))
      .filter((text) => (text.match(/\*+/g)?.length ?? 0) <= 2)
    const path = fc
      .array(fc.constantFrom('a', 'b', '/', '*', '💾', '.', '\n'), { maxLength: 7 })
      .map((all) => all.join(''))
    fc.assert(
      fc.property(pattern, path, (text, name) => {
        expect(compilePathSteps(text).test(name)).toBe(compilePathPattern(text).test(name))
      }),
      { numRuns: 3000 },
    )
  })

  it.each([
    ['*a*a*a*', 'xaxaxax', true],
    ['*a*a*a*', 'xaxax', false],
    ['*a*a*a*', 'a/aa', false],
    ['**/a/**/b/**/c', 'a/b/c', true],
    ['**/a/**/b/**/c', 'x/y/a/z/b/c', true],
    ['**/a/**/b/**/c', 'xa/b/c', false],
    ['**/*.min.*', 'x/y/z.min.js', true],
    ['**/*.min.*.*', 'x/z.min.js', false],
  ])('%s on %s with many stars: %s', (pattern, path, wanted) => {
    expect(compilePathPattern(pattern).test(path)).toBe(wanted)
  })

  it.each(['*a'.repeat(30), '**/'.repeat(30), '**/a'.repeat(30), '*'.repeat(61), 'a*?'.repeat(30)])(
    '%s ends on every path, where trying every way to match it would not (H-P5)',
    (start) => {
      const list = new PatternList([`${start}/never`])
      for (const path of ['a'.repeat(4000), 'a/'.repeat(2000), `${'a'.repeat(200)}/`.repeat(20)]) {
        expect(list.match(path, list.root).isMatch).toBe(false)
      }
    },
  )

  it.each(['*', '**/', '*/'])('a line of 100,000 times %s is no more than a pattern', (piece) => {
    const list = new PatternList([piece.repeat(100_000)])
    expect(list.match('a/b', list.root).isMatch).toBe(piece !== '*/')
  })
})
