import { describe, expect, it } from 'vitest'
import { PatternList, cleanPath, parseIgnoreFile } from './ignore.ts'

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
    [['a\\*b'], 'a*b', true],
    [['a\\*b'], 'axb', false],
    [['a.b+(c)$'], 'a.b+(c)$', true],
    [['a.b'], 'axb', false],
    [['ä?'], 'ä😀', true],
    [['./a//b/.'], 'a/b', true],
  ])('%j on %s: %s', (patterns, path, isMatch) => {
    expect(new PatternList(patterns).matches(path)).toBe(isMatch)
  })

  it.each(['!', 'a[b', '[z-a]'])('refuses %s', (pattern) => {
    expect(() => new PatternList([pattern])).toThrow(SyntaxError)
  })

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
