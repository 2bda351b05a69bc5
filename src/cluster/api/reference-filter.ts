import { FlotillaError } from '../../core/errors.ts'
import { splitTag } from '../image-name.ts'
import type { ListFilters } from './list-filter.ts'
import type { TextTest } from './value-tests.ts'

const special = /[*?[\\]/

/**
 * The filter `reference` of an image list: names, and patterns with `*`, `?` and `[...]` in the manner of Go's path.Match,
 * against the name with and without tag. Undefined when it is not given.
 */
export function compileReferences(filters: ListFilters): TextTest | undefined {
  const texts = [...new Set(filters.get('reference'))]
  if (texts.length === 0) return undefined
  const names = new Set(texts.filter((text) => !special.test(text)))
  const patterns = texts.filter((text) => special.test(text)).map(tokenize)
  const fits: TextTest = (text) => names.has(text) || patterns.some((tokens) => matchPath(tokens, text))
  return (name) => fits(name) || fits(splitTag(name).repository)
}

/** True when the filter has patterns, which take their time. */
export function isReferenceCostly(filters: ListFilters): boolean {
  return (filters.get('reference') ?? []).some((text) => special.test(text))
}

/**
 * The time of a match grows with its pattern, and each name of the fleet is matched with each of them.
 *
 * @param most characters of all of them
 * @throws {cluster/invalid-option} status 400
 */
export function checkReferencePatterns(filters: ListFilters, most: number): void {
  const patterns = (filters.get('reference') ?? []).filter((text) => special.test(text))
  if (patterns.reduce((sum, text) => sum + text.length, 0) <= most) return
  const message = `invalid filter 'reference': patterns of more than ${most} characters`
  throw new FlotillaError('cluster/invalid-option', message, { status: 400 })
}

/** `*` and `?` do not match a slash. */
function matchPath(tokens: readonly Token[], text: string): boolean {
  // Positions of the pattern that are reachable after each character: linear in the text for any pattern.
  let reachable = spread(new Set([0]), tokens)
  for (const character of text) {
    const next = new Set<number>()
    for (const at of reachable) {
      const token = tokens[at]
      if (token === undefined) continue
      if (token === '*') {
        if (character !== '/') next.add(at)
      } else if (token(character)) next.add(at + 1)
    }
    reachable = spread(next, tokens)
    if (reachable.size === 0) return false
  }
  return reachable.has(tokens.length)
}

type Token = '*' | ((character: string) => boolean)

function spread(positions: ReadonlySet<number>, tokens: readonly Token[]): Set<number> {
  const all = new Set(positions)
  for (const at of all) if (tokens[at] === '*') all.add(at + 1)
  return all
}

function tokenize(pattern: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at] ?? ''
    // Several in a row mean the same as one.
    if (character === '*' && tokens.at(-1) === '*') continue
    if (character === '*') tokens.push('*')
    else if (character === '?') tokens.push((each) => each !== '/')
    else if (character === '[' && pattern.indexOf(']', at + 2) > 0) {
      const end = pattern.indexOf(']', at + 2)
      tokens.push(toClass(pattern.slice(at + 1, end)))
      at = end
    } else if (character === '\\' && at + 1 < pattern.length) {
      at += 1
      const literal = pattern[at]
      tokens.push((each) => each === literal)
    } else tokens.push((each) => each === character)
  }
  return tokens
}

function toClass(text: string): (character: string) => boolean {
  const isNegated = text.startsWith('^')
  const members = isNegated ? text.slice(1) : text
  return (character) => {
    let isMember = false
    for (let at = 0; at < members.length; at += 1) {
      const from = members[at] ?? ''
      const isRange = members[at + 1] === '-' && at + 2 < members.length
      const to = isRange ? (members[at + 2] ?? '') : from
      if (character >= from && character <= to) isMember = true
      if (isRange) at += 2
    }
    return isMember !== isNegated
  }
}
