/** Tells whether the whole of a path has the form of one pattern. */
export interface PathTest {
  test(path: string): boolean
}

/**
 * What one pattern asks for, as the steps of a machine without memory. `one` takes a character that its expression takes,
 * `star` any but slashes, `all` any; `folders` takes anything that ends in a slash, and may be passed over from the
 * `either` in front of it.
 */
type Step = One | { readonly kind: 'star' | 'all' | 'either' | 'folders' }

/** Takes a character of one of its ranges, or of none of them. */
interface One {
  readonly kind: 'one'
  readonly ranges: readonly CharacterRange[]
  readonly isNegated: boolean
}

/** First and last code point. */
type CharacterRange = readonly [number, number]

/** Up to here the language's own expressions are quick whatever the path is; each further star multiplies their work. */
const maxStars = 2

/** @throws {SyntaxError} naming the pattern */
export function compilePathPattern(path: string): PathTest {
  try {
    const steps = toSteps(path)
    const stars = steps.filter(({ kind }) => kind !== 'one' && kind !== 'either').length
    return stars > maxStars ? new StepTest(steps) : new RegExp(`^${steps.map(toSource).join('')}$`, 'su')
  } catch (error) {
    throw unreadable(path, error)
  }
}

/**
 * The same by steps alone: slower, and without an expression of the language for each pattern.
 *
 * @throws {SyntaxError} naming the pattern
 */
export function compilePathSteps(path: string): PathTest {
  try {
    return new StepTest(toSteps(path))
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, cause: unknown): SyntaxError {
  return new SyntaxError(`syntax error in pattern ${JSON.stringify(path)}`, { cause })
}

/** All ways through the steps are followed at once: pattern × path steps of work, however many stars there are. */
class StepTest implements PathTest {
  readonly #steps: readonly Step[]

  constructor(steps: readonly Step[]) {
    this.#steps = steps
  }

  test(path: string): boolean {
    let places = new Set<number>()
    this.#enter(0, places)
    for (const character of path) {
      const next = new Set<number>()
      for (const place of places) this.#take(place, character, next)
      if (next.size === 0) return false
      places = next
    }
    return places.has(this.#steps.length)
  }

  /** Steps that may take nothing are passed over, too. */
  #enter(place: number, places: Set<number>): void {
    // An own list instead of recursion: a line of 100,000 stars must not overflow the stack.
    const pending = [place]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (places.has(next)) continue
      places.add(next)
      const kind = this.#steps[next]?.kind
      if (kind === 'star' || kind === 'all' || kind === 'either') pending.push(next + 1)
      if (kind === 'either') pending.push(next + 2)
    }
  }

  #take(place: number, character: string, next: Set<number>): void {
    const step = this.#steps[place]
    if (step?.kind === 'one') {
      if (isTaken(step, character)) this.#enter(place + 1, next)
    } else if (step?.kind === 'star') {
      if (character !== '/') this.#enter(place, next)
    } else if (step?.kind === 'all') {
      this.#enter(place, next)
    } else if (step?.kind === 'folders') {
      next.add(place)
      if (character === '/') this.#enter(place + 1, next)
    }
  }
}

function isTaken({ ranges, isNegated }: One, character: string): boolean {
  const code = character.codePointAt(0) ?? 0
  return ranges.some(([first, last]) => first <= code && code <= last) !== isNegated
}

function toSteps(path: string): readonly Step[] {
  const steps: Step[] = []
  for (let at = 0; at < path.length; at += 1) {
    const char = characterAt(path, at)
    if (char === '*' && path[at + 1] === '*') {
      at += 1
      if (path[at + 1] === '/') at += 1
      if (at + 1 >= path.length) steps.push({ kind: 'all' })
      else steps.push({ kind: 'either' }, { kind: 'folders' })
    } else if (char === '*') {
      steps.push({ kind: 'star' })
    } else if (char === '?') {
      steps.push({ ...letter('/'), isNegated: true })
    } else if (char === '[') {
      const { step, end } = readClass(path, at)
      steps.push(step)
      at = end
    } else {
      const read = char === '\\' ? characterAt(path, at + 1) : char
      steps.push(letter(read))
      at += char === '\\' ? read.length : char.length - 1
    }
  }
  return steps
}

/** @throws {SyntaxError} where the text is over */
function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at)
  if (code === undefined) throw new SyntaxError('an end in the middle')
  return String.fromCodePoint(code)
}

function letter(character: string): One {
  const code = character.codePointAt(0) ?? 0
  return { kind: 'one', ranges: [[code, code]], isNegated: false }
}

/**
 * One class, as Go's `filepath.Match` reads it: `]` and `-` stand for themselves behind a backslash alone.
 *
 * @param at where its bracket is
 * @throws {SyntaxError} also for a range whose end comes before its start
 */
function readClass(path: string, at: number): { readonly step: One; readonly end: number } {
  const isNegated = path[at + 1] === '^'
  const ranges: CharacterRange[] = []
  let next = at + (isNegated ? 2 : 1)
  function readOne(): number {
    let character = characterAt(path, next)
    if (character === '-' || character === ']') throw new SyntaxError('a class without a character')
    if (character === '\\') {
      next += 1
      character = characterAt(path, next)
    }
    next += character.length
    return character.codePointAt(0) ?? 0
  }
  while (path[next] !== ']' || ranges.length === 0) {
    const first = readOne()
    let last = first
    if (path[next] === '-') {
      next += 1
      last = readOne()
    }
    if (last < first) throw new SyntaxError('a range from behind')
    ranges.push([first, last])
  }
  return { step: { kind: 'one', ranges, isNegated }, end: next }
}

const sources = { star: '[^/]*', all: '.*', either: '', folders: '(?:.*/)?' } as const

function toSource(step: Step): string {
  if (step.kind !== 'one') return sources[step.kind]
  const ranges = step.ranges.map(([first, last]) => `${escapeCode(first)}-${escapeCode(last)}`)
  return `[${step.isNegated ? '^' : ''}${ranges.join('')}]`
}

function escapeCode(code: number): string {
  return `\\u{${code.toString(16)}}`
}
