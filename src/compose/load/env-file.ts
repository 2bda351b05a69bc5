import type { MutableDictionary } from '../model/dictionary.ts'
import { toMessage } from '../../core/errors.ts'
import { LoadError, makeFailure } from './failure.ts'
import { describeSubstitution } from './interpolate.ts'
import type { LoadLimits } from './limits.ts'
import { SubstitutionError, substitute } from './substitute.ts'

/** Looks a name up outside the file; wins over what the file itself has set so far. */
export type LookUp = (name: string) => string | undefined

export type EnvFileLimits = Pick<LoadLimits, 'valueLength' | 'nestedDefaults'>

class EnvFileError extends Error {
  /** What to do about it, where that can be said. */
  readonly hint: string | undefined

  constructor(message: string, hint: string | undefined) {
    super(message)
    this.hint = hint
  }
}

/** A line of `format: raw` that sets nothing. */
class RawLineError extends Error {
  /** From 1. */
  readonly line: number

  constructor(message: string, line: number) {
    super(message)
    this.line = line
  }
}

/** The failure of an env file, with its name. */
export function failedToRead(path: string, error: unknown): LoadError {
  if (error instanceof RawLineError) {
    const message = `failed to parse env_file ${path}: ${error.message}`
    return new LoadError([{ message, path: '', file: path, line: error.line, column: 1 }])
  }
  const hint = error instanceof EnvFileError ? error.hint : undefined
  return makeFailure(
    `failed to read ${path}: ${toMessage(error)}`,
    hint === undefined ? 'compose/invalid' : 'compose/limit',
    hint,
  )
}

/**
 * Reads the text of a `.env`, `env_file` or `label_file` into `into`, which may hold values of earlier
 * files: they can be referred to and are overwritten.
 *
 * @throws EnvFileError whose message starts with `line N:`; the caller names the file, as `failedToRead` does
 */
export function parseEnvFile(
  text: string,
  into: MutableDictionary<string>,
  options: { readonly lookUp: LookUp; readonly limits: EnvFileLimits; readonly warn?: (message: string) => void },
): void {
  new EnvParser(text.startsWith('\uFEFF') ? text.slice(1) : text, into, options).run()
}

/**
 * The `format: raw` of an env file: one `KEY=value` a line, nothing quoted, nothing expanded.
 *
 * @throws what `failedToRead` names the file and line of
 */
export function parseRawEnvFile(text: string, into: MutableDictionary<string>, lookUp: LookUp): void {
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const entry = line.replace(/\r$/, '').replace(/^[ \t]+/, '')
    if (entry === '' || entry.startsWith('#')) continue
    const equals = entry.indexOf('=')
    const name = equals < 0 ? entry : entry.slice(0, equals)
    if (name === '') throw new RawLineError(`no variable name on line '${entry}'`, index + 1)
    if (/[ \t]/.test(name)) throw new RawLineError(`variable '${name}' contains whitespaces`, index + 1)
    if (equals >= 0) into[name] = entry.slice(equals + 1)
    else {
      const value = lookUp(name)
      if (value !== undefined) into[name] = value
    }
  }
}

const blank = /[\t\v\f\r \u0085\u00A0]/
const keyCharacter = /[\p{L}\p{N}_.\-[\]]/u

class EnvParser {
  readonly #text: string
  readonly #into: MutableDictionary<string>
  readonly #options: Parameters<typeof parseEnvFile>[2]
  #at = 0
  #line = 1

  constructor(text: string, into: MutableDictionary<string>, options: Parameters<typeof parseEnvFile>[2]) {
    this.#text = text
    this.#into = into
    this.#options = options
  }

  run(): void {
    while (this.#toStatement()) {
      const { key, isInherited } = this.#readKey()
      if (key.includes(' ')) throw this.#fail('key cannot contain a space')
      const value = isInherited ? this.#options.lookUp(key) : this.#readValue()
      if (value === undefined) continue
      this.#into[key] = value
      if (!isInherited && value.includes('\uFFFD'))
        this.#options.warn?.(`The value of "${key}" is not UTF-8 text. What cannot be read of it is replaced.`)
    }
  }

  #fail(reason: string, hint?: string): EnvFileError {
    return new EnvFileError(`line ${this.#line}: ${reason}`, hint)
  }

  /** Skips blanks and comments. @returns false at the end */
  #toStatement(): boolean {
    for (; this.#at < this.#text.length; this.#at += 1) {
      const character = this.#text.charAt(this.#at)
      if (character === '\n') this.#line += 1
      else if (character === '#') {
        const end = this.#text.indexOf('\n', this.#at)
        this.#at = (end < 0 ? this.#text.length : end) - 1
      } else if (!/\s/.test(character) && character !== '\u0085') return true
    }
    return false
  }

  #readKey(): { key: string; isInherited: boolean } {
    const exported = /export\s+/y
    exported.lastIndex = this.#at
    if (exported.test(this.#text)) this.#at = exported.lastIndex
    const start = this.#at
    for (let at = start; at < this.#text.length;) {
      const character = String.fromCodePoint(this.#text.codePointAt(at) ?? 0)
      if (character === '=' || character === ':' || character === '\n') return this.#endKey(start, at, character)
      if (!blank.test(character) && !keyCharacter.test(character)) {
        const line = this.#text.slice(start).split('\n', 1)[0] ?? ''
        throw this.#fail(`unexpected character ${JSON.stringify(character)} in variable name ${JSON.stringify(line)}`)
      }
      at += character.length
    }
    // A last line without end: an inherited name.
    return this.#endKey(start, this.#text.length, '\n')
  }

  #endKey(start: number, end: number, character: string): { key: string; isInherited: boolean } {
    const isInherited = character === '\n'
    const key = this.#text.slice(start, end).trimEnd()
    this.#at = end
    if (!isInherited) {
      this.#at += 1
      while (this.#at < this.#text.length && blank.test(this.#text.charAt(this.#at))) this.#at += 1
    }
    return { key, isInherited }
  }

  #readValue(): string {
    const quote = this.#text.charAt(this.#at)
    if (quote === '"' || quote === "'") return this.#readQuoted(quote)
    const newline = this.#text.indexOf('\n', this.#at)
    const end = newline < 0 ? this.#text.length : newline
    const line = this.#text.slice(this.#at, end)
    const comment = line.indexOf(' #')
    this.#at = end
    return this.#expand((comment < 0 ? line : line.slice(0, comment)).trimEnd())
  }

  #readQuoted(quote: string): string {
    const start = this.#at
    const startLine = this.#line
    const parts: string[] = []
    let from = start + 1
    for (let at = from; at < this.#text.length; at += 1) {
      const character = this.#text.charAt(at)
      if (character === '\n') this.#line += 1
      else if (character === '\\' && this.#text[at + 1] === quote) {
        parts.push(this.#text.slice(from, at))
        from = at + 1
        at += 1
      } else if (character === '\\' && this.#text[at + 1] === '\\') at += 1
      else if (character === quote) {
        this.#at = at + 1
        const value = parts.join('') + this.#text.slice(from, at)
        return quote === '"' ? this.#expand(unescape(value)) : value
      }
    }
    this.#line = startLine + (this.#text.slice(start).match(/\n/g)?.length ?? 0)
    throw this.#fail(`unterminated quoted value ${this.#text.slice(start).split('\n', 1)[0] ?? ''}`)
  }

  #expand(value: string): string {
    if (!value.includes('$')) return value
    const { lookUp, limits, warn } = this.#options
    try {
      return substitute(value, {
        lookUp: (name) => lookUp(name) ?? this.#into[name],
        onUnset: (name) => warn?.(`The "${name}" variable is not set. Defaulting to a blank string.`),
        maxLength: limits.valueLength,
        maxNesting: limits.nestedDefaults,
      })
    } catch (error) {
      if (!(error instanceof SubstitutionError)) throw error
      throw this.#fail(error.kind === 'syntax' ? describeSubstitution(error, 'value') : error.message, error.hint)
    }
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['a', '\u0007'],
  ['b', '\b'],
  ['c', '\\c'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['"', '"'],
  ['\\', '\\'],
  // Stays a dollar sign through the expansion that follows.
  ['$', '$$'],
])

/** An octal escape has three digits after its zero and is one byte; any other loses the zero (compose-go dotenv/godotenv.go). */
function unescape(text: string): string {
  return text.replace(/\\(0\d{0,3}|[abcfnrtv$"\\])/g, (whole, code: string) => {
    if (!code.startsWith('0')) return escapes.get(code) ?? whole
    const digits = code.slice(1)
    return /^[0-3][0-7]{2}$/.test(digits) ? String.fromCodePoint(Number.parseInt(digits, 8)) : `\\${digits}`
  })
}
