import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PatternList, cleanPath, makePathMatcher, parseIgnoreFile } from './ignore.ts'

/** Cases of moby/patternmatcher's documented behaviour: docs.docker.com/build/concepts/context, section .dockerignore. */

describe('a .dockerignore', () => {
  it('loses comments, blanks, leading slashes and detours', () => {
    const text = '\uFEFF# first\n\n  a/b/ \n/rooted\n!  kept \n./x/../y\n # no comment\n/\n*/temp*\r\n'
    expect(parseIgnoreFile(text)).toEqual(['a/b', 'rooted', '!kept', 'y', '# no comment', '/', '*/temp*'])
  })

  it.each([
    // patterns, path, is left out
    [['*/temp*'], 'somedir/temporary.txt', true],
    [['*/temp*'], 'somedir/temp', true],
    [['*/temp*'], 'somedir/subdir/temporary.txt', false],
    [['*/*/temp*'], 'somedir/subdir/temporary.txt', true],
    [['temp?'], 'tempa', true],
    [['temp?'], 'temp', false],
    [['temp?'], 'temp/', false],
    [['**/*.go'], 'main.go', true],
    [['**/*.go'], 'a/b/main.go', true],
    [['**/*.go'], 'a/b/main.gox', false],
    [['a/**'], 'a', false],
    [['a/**'], 'a/b/c', true],
    [['a/**/z'], 'a/z', true],
    [['a/**/z'], 'a/b/c/z', true],
    [['a/**/z'], 'a/bz', false],
    [['**'], 'anything/at/all', true],
    [['node_modules'], 'node_modules/x/index.js', true],
    [['node_modules'], 'sub/node_modules/x', false],
    [['**/node_modules'], 'sub/node_modules/x', true],
    [['*.md', '!README.md'], 'README.md', false],
    [['*.md', '!README*.md', 'README-secret.md'], 'README-secret.md', true],
    [['*.md', 'README-secret.md', '!README*.md'], 'README-secret.md', false],
    [['docs', '!docs/keep'], 'docs/keep/a', false],
    [['docs', '!docs/keep'], 'docs/lose/a', true],
    [['*', '!src'], 'src/a/b', false],
    [['*', '!src'], 'other', true],
    [['[a-c]x'], 'bx', true],
    [['[^a-c]x'], 'bx', false],
    [['[\\]\\-]x'], ']x', true],
    [['[\\]\\-]x'], '-x', true],
    [['[\\]\\-]x'], '\\x', false],
    [['*[^a-c💾]*/*/*'], 'a💾/y/z', false],
    [['*[^a-c💾]*/*/*'], 'ad/y/z', true],
    [['a\\*b'], 'a*b', true],
    [['a\\*b'], 'axb', false],
    [['a.b+(c)$'], 'a.b+(c)$', true],
    [['a.b'], 'axb', false],
    [['ä?'], 'ä😀', true],
    [['./a//b/.'], 'a/b', true],
  ])('%j on %s: %s', (patterns, path, isMatch) => {
    expect(new PatternList(patterns).matches(path)).toBe(isMatch)
  })

  it.each(['!', '!/', 'a[b', '[z-a]', 'a\\', '[]a]', '[a-]', '[^]', '[\\]', '*'.repeat(9) + '[]x]'])(
    'refuses %s',
    (pattern) => {
      expect(() => new PatternList([pattern])).toThrow(SyntaxError)
    },
  )

  it('knows where exceptions may lie', () => {
    const list = new PatternList(['docs', '!docs/a/keep', '!**/*.md'])
    expect(new PatternList(['docs', '!docs/a/keep']).mayExcept('docs/b')).toBe(false)
    expect(new PatternList(['docs', '!docs/a/keep']).mayExcept('docs/a')).toBe(true)
    expect(list.mayExcept('docs/b')).toBe(true)
    expect(new PatternList(['a/b*']).mayMatchBelow('a')).toBe(true)
    expect(new PatternList(['a/b*']).mayMatchBelow('x')).toBe(false)
    expect(new PatternList(['a/b*/c']).mayMatchBelow('a/bc')).toBe(true)
  })
})

describe('cleaning paths', () => {
  it.each([
    ['', '.'],
    ['./', '.'],
    ['a/../..', '..'],
    ['/..', '/'],
    ['/a//b/', '/a/b'],
  ])('%s → %s', (path, clean) => {
    expect(cleanPath(path)).toBe(clean)
  })
})

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
    expect(parseIgnoreFile('\uFEFF# no\n a \r\n\n!b\n #c\n')).toEqual(['a', '!b', '#c'])
  })
})

it('a list of 100,000 patterns is followed without an expression of the language for each', () => {
  const many = Array.from({ length: 100_000 }, (_, index) => `**/x${index}*`)
  const list = new PatternList([...many, '*.log', '!keep.[a-m]og', 'q?'])
  expect(['a/x99999y', 'a.log', 'keep.log', 'qq', 'q/', 'other'].map((path) => list.matches(path))).toEqual([
    true,
    true,
    false,
    true,
    false,
    false,
  ])
})
