import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makePathMatcher, readIgnoreFile } from './ignore-patterns.ts'

describe('makePathMatcher', () => {
  it.each([
    ['node_modules', 'node_modules/a/b.js', true],
    ['node_modules', 'sub/node_modules/a.js', false],
    ['node_modules/', 'node_modules/a.js', true],
    ['**/node_modules', 'sub/node_modules/a.js', true],
    ['**/node_modules', 'node_modules/a.js', true],
    ['*.log', 'a.log', true],
    ['*.log', 'sub/a.log', false],
    ['**/*.log', 'x/y/a.log', true],
    ['a/**', 'a/b/c', true],
    ['a/**', 'a', false],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/c/z', true],
    ['/lead', 'lead/x', true],
    ['./dot/../b', 'b', true],
    ['f?o', 'foo', true],
    ['f?o', 'f/o', false],
    ['[a-c].txt', 'b.txt', true],
    ['[^a-c].txt', 'b.txt', false],
    ['[^a-c].txt', 'd.txt', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['a.b', 'axb', false],
    ['[z-a]', 'z', false],
    ['', 'a', false],
    ['..', 'a', false],
  ])('%s on %s: %s', (pattern, path, wanted) => {
    expect(makePathMatcher([pattern])(path)).toBe(wanted)
  })

  it('lets exceptions take back and later patterns take again', () => {
    const matches = makePathMatcher(['docs', '!docs/keep', 'docs/keep/not.md'])
    expect(['docs/a', 'docs/keep/a', 'docs/keep/not.md'].map(matches)).toEqual([true, false, true])
  })

  it('matches nothing without patterns and a name always with itself', () => {
    expect(makePathMatcher([])('a')).toBe(false)
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9_.]{1,8}$/), fc.stringMatching(/^[a-z]{1,8}$/), (name, below) => {
        fc.pre(name !== '.' && name !== '..')
        const matches = makePathMatcher([name])
        expect([matches(name), matches(`${name}/${below}`), matches(`${below}x/${name}`)]).toEqual([true, true, false])
      }),
    )
  })

  it('reads an ignore file', () => {
    expect(readIgnoreFile('\uFEFF# no\n a \r\n\n!b\n #c\n')).toEqual(['a', '!b', '#c'])
  })
})
