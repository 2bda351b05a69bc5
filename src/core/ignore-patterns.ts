/**
 * Patterns of `.dockerignore` and of `develop.watch` (moby/patternmatcher): paths relative to one folder, `*` and `?` within
 * a part of a path, `**` over several, `[a-z]`, `\` before a plain character; a line that begins with `!` takes back what
 * earlier ones matched. A pattern that matches a folder matches all that is in it.
 */
export type PathMatcher = (path: string) => boolean

/** Lines of an ignore file; comments and empty lines left out, as moby's `ignorefile` reads them. */
export function readIgnoreFile(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

interface Compiled {
  readonly expression: RegExp
  readonly isException: boolean
}

/**
 * @param patterns in order; the last one that matches decides
 * @returns tells whether a path relative to the folder, with `/`, is matched
 */
export function makePathMatcher(patterns: readonly string[]): PathMatcher {
  const compiled = patterns.flatMap((pattern): readonly Compiled[] => {
    const isException = pattern.startsWith('!')
    const body = cleanPattern(isException ? pattern.slice(1).trim() : pattern)
    return body === '' ? [] : [{ expression: compile(body), isException }]
  })
  if (compiled.length === 0) return () => false
  return (path) => {
    let isMatched = false
    const prefixes = listPrefixes(path)
    for (const { expression, isException } of compiled) {
      // What cannot change the outcome is not looked at.
      if (isException !== isMatched) continue
      if (prefixes.some((prefix) => expression.test(prefix))) isMatched = !isException
    }
    return isMatched
  }
}

/** `a/b/c` → `a/b/c`, `a/b`, `a`. */
function listPrefixes(path: string): readonly string[] {
  const prefixes: string[] = []
  for (let rest = path; rest !== ''; rest = rest.slice(0, Math.max(rest.lastIndexOf('/'), 0))) prefixes.push(rest)
  return prefixes
}

/** Go's `filepath.Clean` without the slash in front, which means the folder itself. */
function cleanPattern(pattern: string): string {
  const parts: string[] = []
  for (const part of pattern.trim().split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (part !== '..') parts.push(part)
  }
  return parts.join('/')
}

const special = /[\\^$.*+?()[\]{}|/-]/

function compile(pattern: string): RegExp {
  let source = '^'
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at] ?? ''
    if (character === '*') {
      if (pattern[at + 1] !== '*') {
        source += '[^/]*'
        continue
      }
      while (pattern[at + 1] === '*') at += 1
      if (pattern[at + 1] === '/') {
        at += 1
        source += '(?:.*/)?'
      } else {
        source += '.*'
      }
    } else if (character === '?') source += '[^/]'
    else if (character === '[') {
      const set = readSet(pattern, at)
      source += set === undefined ? '\\[' : set.source
      at = set?.end ?? at
    } else if (character === '\\' && at + 1 < pattern.length) {
      at += 1
      source += quote(pattern[at] ?? '')
    } else source += quote(character)
  }
  try {
    return new RegExp(`${source}$`, 's')
  } catch {
    // A set that runs backwards (`[z-a]`) matches nothing.
    return /(?!)/
  }
}

function quote(character: string): string {
  return special.test(character) ? `\\${character}` : character
}

function readSet(pattern: string, start: number): { readonly source: string; readonly end: number } | undefined {
  const end = pattern.indexOf(']', start + 2)
  if (end === -1) return undefined
  const inner = pattern.slice(start + 1, end)
  const isNegated = inner.startsWith('^')
  const body = (isNegated ? inner.slice(1) : inner).replace(/[\\[\]^/]/g, '\\$&')
  return { source: `(?!/)[${isNegated ? '^' : ''}${body}]`, end }
}
