import { FlotillaError } from '../../core/errors.ts'
import type { FlagSpec } from '../../core/flag.ts'
import { goQuote } from '../../core/goquote.ts'
import { findNearest } from '../../core/suggest.ts'
import { bareValue } from './dialect.ts'
import type { BadValue, Dialect, FlagLookup, FlagUse, Scan } from './dialect.ts'

/**
 * spf13/pflag as Compose v2 uses it: long names with two dashes, one-letter names that can be grouped
 * (`-abc`, `-fVALUE`, `-f=VALUE`), flags and arguments in any order.
 */
export const pflag: Dialect = { scan, hasLenientEnv: true, hasHelpOfCommand: true, describeBadValue, describeBadEnv }

interface Cursor {
  readonly argv: readonly string[]
  index: number
}

function scan(argv: readonly string[], flags: FlagLookup, isInterspersed: boolean): Scan {
  const uses: FlagUse[] = []
  const args: string[] = []
  const cursor: Cursor = { argv, index: 0 }
  for (; cursor.index < argv.length; cursor.index += 1) {
    const word = argv[cursor.index] ?? ''
    if (word === '--') return { uses, args: [...args, ...argv.slice(cursor.index + 1)] }
    if (!word.startsWith('-') || word === '-') {
      if (!isInterspersed) return { uses, args: [...args, ...argv.slice(cursor.index)] }
      args.push(word)
    } else if (word.startsWith('--')) {
      uses.push(readLong(word, cursor, flags))
    } else {
      uses.push(...readShorts(word, cursor, flags))
    }
  }
  return { uses, args }
}

function readLong(word: string, cursor: Cursor, flags: FlagLookup): FlagUse {
  const equals = word.indexOf('=')
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals)
  if (name === '' || name.startsWith('-')) throw new FlotillaError('cli/usage', `bad flag syntax: ${word}`)
  const entry = flags.byLong(name)
  if (entry === undefined) {
    const near = findNearest(name, flags.longNames)
    const detail = near === undefined ? {} : { hint: `did you mean --${near}?` }
    throw new FlotillaError('cli/unknown-flag', `unknown flag: --${name}`, detail)
  }
  const value = equals < 0 ? (bareValue(entry[1]) ?? takeNext(cursor)) : word.slice(equals + 1)
  if (value === undefined) throw missingValue(entry[1], `--${name}`, `--${name}`)
  return { name: entry[0], spec: entry[1], value }
}

function readShorts(word: string, cursor: Cursor, flags: FlagLookup): FlagUse[] {
  const uses: FlagUse[] = []
  const letters = word.slice(1)
  for (let at = 0; at < letters.length; at += 1) {
    const letter = letters.charAt(at)
    // A long name of one letter (docker-machine's `rm -y`) reads the same in every dialect.
    const entry = flags.byShort(letter) ?? flags.byLong(letter)
    // The letters before are done with, and no longer named.
    const left = `-${letters.slice(at)}`
    if (entry === undefined) {
      throw new FlotillaError('cli/unknown-flag', `unknown shorthand flag: ${goQuoteLetter(letter)} in ${left}`)
    }
    const rest = letters.slice(at + 1)
    const bare = bareValue(entry[1])
    // pflag: an equals sign with nothing behind it is the value itself.
    if (rest.length > 1 && rest.startsWith('='))
      return [...uses, { name: entry[0], spec: entry[1], value: rest.slice(1) }]
    if (bare !== undefined) {
      uses.push({ name: entry[0], spec: entry[1], value: bare })
      continue
    }
    const value = rest === '' ? takeNext(cursor) : rest
    if (value === undefined) throw missingValue(entry[1], `-${letter}`, `${goQuoteLetter(letter)} in ${left}`)
    return [...uses, { name: entry[0], spec: entry[1], value }]
  }
  return uses
}

function missingValue(spec: FlagSpec, typed: string, described: string): FlotillaError {
  const text = spec.missingValue?.replace('%s', typed) ?? `flag needs an argument: ${described}`
  return new FlotillaError('cli/usage', text)
}

function takeNext(cursor: Cursor): string | undefined {
  cursor.index += 1
  return cursor.argv[cursor.index]
}

function goQuoteLetter(letter: string): string {
  return `'${goQuote(letter).slice(1, -1)}'`
}

function describeBadValue(use: FlagUse, reason: BadValue): string {
  const spelling = use.spec.short === undefined ? `--${use.name}` : `-${use.spec.short}, --${use.name}`
  const opening = `invalid argument ${goQuote(use.value)} for ${goQuote(spelling)} flag: `
  if (reason === 'choice') return `${opening}must be one of ${(use.spec.choices ?? []).join(', ')}`
  const call = use.spec.kind === 'boolean' ? 'ParseBool' : use.spec.kind === 'integer' ? 'ParseInt' : 'ParseFloat'
  const why = reason === 'range' ? 'value out of range' : 'invalid syntax'
  return `${opening}strconv.${call}: parsing ${goQuote(use.value)}: ${why}`
}

function describeBadEnv(variable: string, value: string, use: FlagUse): string {
  const type = use.spec.kind === 'boolean' ? 'a boolean' : use.spec.kind === 'integer' ? 'an integer' : 'a number'
  return `${variable} must be ${type} (found: ${goQuote(value)})`
}
