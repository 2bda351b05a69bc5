import { isSwitchedOn } from '../core/env-switch.ts'
import { FlotillaError } from '../core/errors.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { FlagSpec, FlagTable, FlagValue, FlagValues } from '../core/flag.ts'
import type { BadValue, Dialect, FlagUse } from './dialects/dialect.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Values of one level of the command line, as commands see them. */
export type ParsedFlags = FlagValues<FlagTable> & Readonly<Record<string, unknown>>

/**
 * Turns what was found on the command line into values: the last use of a flag wins, lists collect, then
 * environment variables, then defaults.
 *
 * @throws {cli/invalid-value} {cli/invalid-environment} with the dialect's text
 */
export function collectFlagValues(table: FlagTable, uses: readonly FlagUse[], env: Env, dialect: Dialect): ParsedFlags {
  const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  const given = new Set<string>()
  for (const use of uses) {
    const value = readValue(use, (reason) => dialect.describeBadValue(use, reason))
    const earlier = values[use.name]
    values[use.name] = Array.isArray(value) && Array.isArray(earlier) ? [...(earlier as string[]), ...value] : value
    given.add(use.name)
  }
  for (const [name, spec] of Object.entries(table)) {
    if (given.has(name)) continue
    const variable = spec.env?.find((candidate) => (env[candidate] ?? '') !== '')
    if (variable === undefined) {
      values[name] = defaultValue(spec)
      continue
    }
    const text = env[variable] ?? ''
    const use: FlagUse = { name, spec, value: text }
    values[name] = readEnv(use, variable, dialect)
    given.add(name)
  }
  values['given'] = (name: string) => given.has(name)
  return values as ParsedFlags
}

/** Lays the values of an inner level over those of an outer one. */
export function mergeFlagValues(outer: ParsedFlags, inner: ParsedFlags): ParsedFlags {
  const given = (name: string): boolean => outer.given(name) || inner.given(name)
  const merged: Record<string, unknown> = Object.assign(Object.create(null), outer)
  for (const [name, value] of Object.entries(inner)) {
    if (!(name in merged) || inner.given(name)) merged[name] = value
  }
  merged['given'] = given
  return merged as ParsedFlags
}

function readEnv(use: FlagUse, variable: string, dialect: Dialect): FlagValue {
  const { spec, value } = use
  if (spec.kind === 'strings') return value.split(',').map((part) => part.trim())
  // Compose: 1, t, true, y, yes, on in any case.
  if (spec.kind === 'boolean' && dialect.hasLenientEnv) return isSwitchedOn(value)
  if (spec.kind === 'boolean' && spec.sharesEnv === true) return parseGoBoolean(value) ?? false
  return readValue(use, () => dialect.describeBadEnv(variable, value, use), 'cli/invalid-environment')
}

function defaultValue(spec: FlagSpec): FlagValue {
  if (spec.default !== undefined) return spec.default
  if (spec.kind === 'boolean') return false
  return spec.kind === 'strings' ? [] : undefined
}

function readValue(
  use: FlagUse,
  describe: (reason: BadValue) => string,
  code: ErrorCode = 'cli/invalid-value',
): FlagValue {
  const { spec, value } = use
  const isChoice = spec.choices === undefined || spec.choices.includes(value)
  const read = isChoice ? parsers[spec.kind](value) : { wrong: 'choice' as const }
  if ('wrong' in read) throw new FlotillaError(code, describe(read.wrong))
  return read.value
}

type Read = { readonly value: FlagValue } | { readonly wrong: BadValue }

const parsers: Readonly<Record<FlagSpec['kind'], (text: string) => Read>> = {
  string: (text) => ({ value: text }),
  strings: (text) => ({ value: [text] }),
  boolean(text) {
    const value = parseGoBoolean(text)
    return value === undefined ? { wrong: 'syntax' } : { value }
  },
  integer(text) {
    if (!/^[-+]?(?:\d+|0[xX][0-9a-fA-F]+)$/.test(text)) return { wrong: 'syntax' }
    const magnitude = Number(text.replace(/^[-+]/, ''))
    if (!Number.isSafeInteger(magnitude)) return { wrong: 'range' }
    return { value: text.startsWith('-') && magnitude !== 0 ? -magnitude : magnitude }
  },
  number(text) {
    if (!/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text)) return { wrong: 'syntax' }
    const value = Number(text)
    return Number.isFinite(value) ? { value } : { wrong: 'range' }
  },
}

/** What Go's `strconv.ParseBool` accepts; undefined for anything else. */
function parseGoBoolean(text: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true
  return /^(?:0|f|F|FALSE|false|False)$/.test(text) ? false : undefined
}
