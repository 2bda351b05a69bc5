/**
 * Patterns of `.dockerignore` and of the builder's own file selections (moby/patternmatcher): `*`, `?` and `[…]` inside
 * one path element, `**` over any number of them, `!` for exceptions. Later patterns win; what matches a folder
 * matches all that is in it.
 */

import { compilePathPattern, compilePathSteps } from './path-pattern.ts'
import type { PathTest } from './path-pattern.ts'

/** The patterns of a `.dockerignore`: comments and blank lines dropped, paths cleaned, a leading slash of no meaning. */
export function parseIgnoreFile(text: string): readonly string[] {
  const patterns: string[] = []
  for (const raw of text.replace(/^\uFEFF/, '').split('\n')) {
    if (raw.startsWith('#')) continue
    const line = raw.trim()
    if (line === '') continue
    const isException = line.startsWith('!')
    const body = isException ? line.slice(1).trim() : line
    if (body === '') {
      // Only the mark: what it means is decided where patterns are compiled.
      patterns.push('!')
      continue
    }
    const cleaned = cleanPath(body)
    const path = cleaned.length > 1 ? cleaned.replace(/^\//, '') : cleaned
    patterns.push(isException ? `!${path}` : path)
  }
  return patterns
}

/** How a folder and each pattern stand, for its children. */
export type MatchState = readonly boolean[]

/** Longer lists have no compiled expressions, of which an engine of the language can hold some 100,000. */
const quickCount = 10_000

interface Compiled {
  readonly isException: boolean
  readonly expression: PathTest
  /** Up to the first special character. */
  readonly prefix: string
  readonly isLiteral: boolean
}

/** A list of patterns, ready to be asked about paths of one tree from the top down. */
export class PatternList {
  readonly #patterns: readonly Compiled[]
  /** Of the root, to begin with. */
  readonly root: MatchState

  /** @throws {SyntaxError} naming a pattern that cannot be read */
  constructor(patterns: readonly string[]) {
    const isLong = patterns.length > quickCount
    this.#patterns = patterns.map((text) => compile(text.trim(), isLong)).filter((entry) => entry !== undefined)
    this.root = this.#patterns.map(() => false)
  }

  get isEmpty(): boolean {
    return this.#patterns.length === 0
  }

  /**
   * @param path from the top of the tree, `/` between its elements
   * @param parent state of the folder it is in
   */
  match(path: string, parent: MatchState): { readonly isMatch: boolean; readonly state: MatchState } {
    let isMatch = false
    const state = this.#patterns.map((pattern, index) => {
      const hit = parent[index] === true || isHit(pattern, path)
      if (hit) isMatch = !pattern.isException
      return hit
    })
    return { isMatch, state }
  }

  /** For a folder that matches: whether an exception may lie below it. */
  mayExcept(folder: string): boolean {
    return this.#patterns.some((pattern) => pattern.isException && mayLieBelow(pattern, folder))
  }

  /** For a folder that does not match: whether something below it may. */
  mayMatchBelow(folder: string): boolean {
    return this.#patterns.some((pattern) => !pattern.isException && mayLieBelow(pattern, folder))
  }

  /** Whether one path matches, by itself or by a folder above it. */
  matches(path: string): boolean {
    let state = this.root
    let isMatch = false
    const parts = path.split('/')
    for (let count = 1; count <= parts.length; count += 1) {
      const answer = this.match(parts.slice(0, count).join('/'), state)
      state = answer.state
      isMatch = answer.isMatch
    }
    return isMatch
  }
}

/** Tells whether a path relative to one folder is matched. */
export type PathMatcher = (path: string) => boolean

/**
 * For patterns people wrote where nothing can be refused: a slash in front means the folder itself, and what cannot be
 * read matches nothing.
 */
export function makePathMatcher(patterns: readonly string[]): PathMatcher {
  const list = new PatternList(patterns.map(toInnerPattern).filter(isReadable))
  return (path) => path !== '' && list.matches(path)
}

/** The pattern without what would lead out of the folder; empty where nothing is left. */
function toInnerPattern(pattern: string): string {
  const text = pattern.trim()
  const mark = text.startsWith('!') ? '!' : ''
  const path = cleanPath(text.slice(mark.length).trim()).replace(/^(?:\/|\.\.(?:\/|$))+/, '')
  return path === '' || path === '.' ? '' : mark + path
}

function isReadable(pattern: string): boolean {
  if (pattern === '') return false
  try {
    compile(pattern)
    return true
  } catch {
    return false
  }
}

function mayLieBelow(pattern: Compiled, folder: string): boolean {
  const start = `${folder}/`
  if (pattern.isLiteral) return `${pattern.prefix}/`.startsWith(start)
  // `a/b*` may hold for what is in `a/bc`, and in `a`; never for what is in `x`.
  return start.startsWith(pattern.prefix) || pattern.prefix.startsWith(start)
}

/** Most patterns differ from a path within their first letters. */
function isHit({ isLiteral, prefix, expression }: Compiled, path: string): boolean {
  if (isLiteral) return path === prefix
  return path.startsWith(prefix) && expression.test(path)
}

function compile(text: string, isLong = false): Compiled | undefined {
  if (text === '') return undefined
  // With its mark: `!/` is but the mark then (moby/patternmatcher).
  const pattern = cleanPath(text)
  const isException = pattern.startsWith('!')
  const path = isException ? pattern.slice(1) : pattern
  if (isException && path === '') throw new SyntaxError('illegal exclusion pattern: "!"')
  const special = path.search(/[*?[\\]/)
  return {
    isException,
    expression: special === -1 ? literally(path) : isLong ? compilePathSteps(path) : compilePathPattern(path),
    prefix: special === -1 ? path : path.slice(0, special),
    isLiteral: special === -1,
  }
}

function literally(text: string): PathTest {
  return { test: (path) => path === text }
}

/** Go's `filepath.Clean`, for slashes: no empty and `.` elements, `..` resolved. */
export function cleanPath(path: string): string {
  const isAbsolute = path.startsWith('/')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (part !== '..' || !isAbsolute) parts.push(part)
  }
  const joined = parts.join('/')
  return isAbsolute ? `/${joined}` : joined === '' ? '.' : joined
}
