/**
 * `$VAR` and `${VAR…}` in one text, with the grammar of the Compose Specification.
 *
 * The reference program matches greedily up to the last `}` of a line and then cuts at the matching brace;
 * the results here are the same, found in one pass: a value put in is never looked at again.
 */

import { describeLimit } from './limits.ts'
export interface Variables {
  /** `undefined` when the variable is not set. */
  lookUp(name: string): string | undefined
  /** Called for a plain reference to a variable that is not set. */
  onUnset?(name: string): void
  /** Longest result, in characters. */
  readonly maxLength: number
  /** Deepest nesting of defaults in defaults. */
  readonly maxNesting: number
}

/** What is wrong with a text. The caller adds where it stands. */
export class SubstitutionError extends Error {
  readonly kind: 'syntax' | 'required' | 'limit'
  /** `syntax`: the text that is no valid template. */
  readonly template: string
  /** What to do about it, where that can be said. */
  readonly hint: string | undefined

  constructor(kind: 'syntax' | 'required' | 'limit', message: string, template = '', hint?: string) {
    super(message)
    this.kind = kind
    this.template = template
    this.hint = hint
  }
}

/** @throws SubstitutionError */
export function substitute(template: string, variables: Variables): string {
  return template.includes('$') ? new Scan(template, variables, 0).run() : template
}

/** One reference as it stands in a text. `body` is the part after the operator. */
export interface Reference {
  readonly name: string
  readonly operator: string
  readonly body: string
}

const nameAt = /[_a-zA-Z][_a-zA-Z0-9]*/y
const operatorAt = /:?[-+?]/y

class Scan {
  readonly #text: string
  readonly #variables: Variables
  readonly #nesting: number
  #at = 0
  #lineEnd = -1
  #lastBrace = -1

  constructor(text: string, variables: Variables, nesting: number) {
    if (nesting > variables.maxNesting) {
      const message = `defaults are nested more than ${variables.maxNesting} deep`
      throw new SubstitutionError('limit', message, '', describeLimit('nestedDefaults'))
    }
    this.#text = text
    this.#variables = variables
    this.#nesting = nesting
  }

  run(): string {
    const parts: string[] = []
    let length = 0
    for (let dollar = this.#text.indexOf('$'); dollar >= 0; dollar = this.#text.indexOf('$', this.#at)) {
      const before = this.#text.slice(this.#at, dollar)
      this.#at = dollar + 1
      const value = this.#readOne()
      parts.push(before, value)
      length += before.length + value.length
      if (length > this.#variables.maxLength) throw this.#tooLong()
    }
    parts.push(this.#text.slice(this.#at))
    const result = parts.join('')
    if (result.length > this.#variables.maxLength) throw this.#tooLong()
    return result
  }

  #tooLong(): SubstitutionError {
    const message = `the value is longer than ${this.#variables.maxLength} characters`
    return new SubstitutionError('limit', message, '', describeLimit('valueLength'))
  }

  /** After a `$`. A `$` that starts nothing stands for itself. */
  #readOne(): string {
    const next = this.#text[this.#at]
    if (next === '$') {
      this.#at += 1
      return '$'
    }
    if (next === '{') return this.#readBraced()
    const name = this.#match(nameAt, this.#at)
    if (name === undefined) return '$'
    this.#at += name.length
    return this.#plain(name)
  }

  #match(pattern: RegExp, at: number): string | undefined {
    pattern.lastIndex = at
    return pattern.exec(this.#text)?.[0]
  }

  #plain(name: string): string {
    const value = this.#variables.lookUp(name)
    if (value === undefined) this.#variables.onUnset?.(name)
    return value ?? ''
  }

  #readBraced(): string {
    const open = this.#at
    const reference = this.#cut(open)
    return reference.operator === '' ? this.#plain(reference.name) : this.#apply(reference)
  }

  #cut(open: number): Reference {
    const name = this.#match(nameAt, open + 1)
    if (name === undefined) throw this.#invalid()
    const after = open + 1 + name.length
    if (this.#text[after] === '}') {
      this.#at = after + 1
      return { name, operator: '', body: '' }
    }
    const operator = this.#match(operatorAt, after)
    const last = this.#lastBraceOfLine(after)
    if (operator === undefined || last < after + operator.length) throw this.#invalid()
    const end = findClosing(this.#text, open, last)
    this.#at = end + 1
    return { name, operator, body: this.#text.slice(after + operator.length, end) }
  }

  #invalid(): SubstitutionError {
    return new SubstitutionError('syntax', 'invalid template', this.#text)
  }

  /** The last `}` on the line of `at`; looked for once a line. */
  #lastBraceOfLine(at: number): number {
    if (at > this.#lineEnd) {
      const end = this.#text.indexOf('\n', at)
      this.#lineEnd = end < 0 ? this.#text.length : end
      this.#lastBrace = this.#text.lastIndexOf('}', this.#lineEnd)
    }
    return this.#lastBrace
  }

  #apply(reference: Reference): string {
    const { name, operator, body } = reference
    // The body is substituted even if it is not used: its mistakes and warnings always count.
    const other = body.includes('$') ? new Scan(body, this.#variables, this.#nesting + 1).run() : body
    const value = this.#variables.lookUp(name)
    const isSet = value !== undefined && (value !== '' || !operator.startsWith(':'))
    if (operator.endsWith('-')) return isSet ? value : other
    if (operator.endsWith('+')) return isSet ? other : (value ?? '')
    if (isSet) return value
    const reason = other === '' ? '' : `: ${other}`
    throw new SubstitutionError('required', `required variable ${name} is missing a value${reason}`)
  }
}

/**
 * The `}` that closes the brace at `open`, counting every brace between, or `last`.
 * As in the reference program, the character after an opening brace is not looked at.
 */
function findClosing(text: string, open: number, last: number): number {
  let depth = 0
  for (let at = open; at <= last; at += 1) {
    const character = text[at]
    if (character === '}') {
      depth -= 1
      if (depth === 0) return at
    } else if (character === '{') {
      depth += 1
      at += 1
    }
  }
  return last
}

/** Every reference in a text, also those inside defaults; for `config --variables`. Never throws. */
export function listReferences(template: string, nesting = 0): readonly Reference[] {
  if (nesting > 32) return []
  const found: Reference[] = []
  const pattern = /\$(?:(\$)|([_a-zA-Z][_a-zA-Z0-9]*)|\{([_a-zA-Z][_a-zA-Z0-9]*)(:?[-+?])?)/g
  for (let match = pattern.exec(template); match !== null; match = pattern.exec(template)) {
    const [text, escaped, named, braced, operator] = match
    if (escaped !== undefined) continue
    if (named !== undefined) found.push({ name: named, operator: '', body: '' })
    else if (braced !== undefined && operator === undefined && template[pattern.lastIndex] === '}') {
      found.push({ name: braced, operator: '', body: '' })
    } else if (braced !== undefined && operator !== undefined) {
      const lineEnd = template.indexOf('\n', match.index)
      const last = template.lastIndexOf('}', lineEnd < 0 ? template.length : lineEnd)
      if (last < pattern.lastIndex) continue
      const end = Math.max(findClosing(template, match.index + 1, last), pattern.lastIndex)
      const body = template.slice(match.index + text.length, end)
      found.push({ name: braced, operator, body }, ...listReferences(body, nesting + 1))
      pattern.lastIndex = end + 1
    }
  }
  return found
}
