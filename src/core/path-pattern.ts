/** Tells whether the whole of a path has the form of one pattern. */
export interface PathTest {
  test(path: string): boolean
}

/**
 * What one pattern asks for, as the steps of a machine without memory. `one` takes a character that its expression takes,
 * `star` any but slashes, `all` any; `folders` takes anything that ends in a slash, and may be passed over from the
 * `either` in front of it.
 */
type Step =
  | { readonly kind: 'one'; readonly source: string; readonly literal?: string }
  | { readonly kind: 'star' | 'all' | 'either' | 'folders' }

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

/** Letters are compared as they are: a list of 100,000 patterns would fill the engine's room for compiled expressions. */
function isTaken({ source, literal }: Extract<Step, { readonly kind: 'one' }>, character: string): boolean {
  return literal === undefined ? new RegExp(`^${source}$`, 'su').test(character) : character === literal
}

function toSteps(path: string): readonly Step[] {
  const steps: Step[] = []
  for (let at = 0; at < path.length; at += 1) {
    const char = String.fromCodePoint(path.codePointAt(at) ?? 0)
    if (char === '*' && path[at + 1] === '*') {
      at += 1
      if (path[at + 1] === '/') at += 1
      if (at + 1 >= path.length) steps.push({ kind: 'all' })
      else steps.push({ kind: 'either' }, { kind: 'folders' })
    } else if (char === '*') {
      steps.push({ kind: 'star' })
    } else if (char === '?') {
      steps.push({ kind: 'one', source: '[^/]' })
    } else if (char === '[') {
      const end = path.indexOf(']', at + 2)
      if (end === -1) throw new SyntaxError('a class without end')
      steps.push({ kind: 'one', source: checkClass(toClass(path.slice(at + 1, end))) })
      at = end
    } else if (char === '\\') {
      const escaped = path.codePointAt(at + 1)
      const text = escaped === undefined ? '\\' : String.fromCodePoint(escaped)
      steps.push(letter(text))
      at += text.length
    } else {
      steps.push(letter(char))
      at += char.length - 1
    }
  }
  return steps
}

function letter(literal: string): Step {
  return { kind: 'one', source: escapeChar(literal), literal }
}

/** @throws {SyntaxError} for a range whose end comes before its start */
function checkClass(source: string): string {
  return new RegExp(source, 'su').source
}

const sources = { star: '[^/]*', all: '.*', either: '', folders: '(?:.*/)?' } as const

function toSource(step: Step): string {
  return step.kind === 'one' ? step.source : sources[step.kind]
}

function toClass(inner: string): string {
  const isNegated = inner.startsWith('^')
  const body = (isNegated ? inner.slice(1) : inner).replace(/\\?([\s\S])/gu, (_, char: string) =>
    char === '-' ? '-' : escapeChar(char),
  )
  return `[${isNegated ? '^' : ''}${body}]`
}

function escapeChar(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char
}
