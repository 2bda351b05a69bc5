import { FlotillaError } from '../../core/errors.ts'
import { goQuote } from '../../core/goquote.ts'
import { findNearest } from '../../core/suggest.ts'
import { bareValue } from './dialect.ts'
import type { BadValue, Dialect, FlagLookup, FlagUse, Scan } from './dialect.ts'

/**
 * Go's `flag` package as docker-machine and classic Swarm used it: one dash or two, `--x=v` or `--x v`,
 * booleans only with `=`. Their command library put flags that follow arguments in front of them, so both
 * orders are accepted.
 */
export const goflag: Dialect = { scan, hasLenientEnv: false, hasHelpOfCommand: false, describeBadValue, describeBadEnv }

function scan(argv: readonly string[], flags: FlagLookup, isInterspersed: boolean): Scan {
  const uses: FlagUse[] = []
  const args: string[] = []
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? ''
    if (word === '--') return { uses, args: [...args, ...argv.slice(index + 1)] }
    if (!word.startsWith('-') || word === '-') {
      if (!isInterspersed) return { uses, args: [...args, ...argv.slice(index)] }
      args.push(word)
      continue
    }
    const { name, value } = splitFlag(word)
    const entry = flags.byLong(name) ?? flags.byShort(name)
    if (entry === undefined) throw unknownFlag(name, flags)
    let text = value ?? bareValue(entry[1])
    if (text === undefined) {
      index += 1
      text = argv[index]
    }
    if (text === undefined) throw new FlotillaError('cli/usage', `flag needs an argument: -${name}`)
    uses.push({ name: entry[0], spec: entry[1], value: text })
  }
  return { uses, args }
}

function splitFlag(word: string): { readonly name: string; readonly value: string | undefined } {
  const body = word.replace(/^--?/, '')
  const equals = body.indexOf('=')
  const name = equals < 0 ? body : body.slice(0, equals)
  if (name === '' || name.startsWith('-')) throw new FlotillaError('cli/usage', `bad flag syntax: ${word}`)
  return { name, value: equals < 0 ? undefined : body.slice(equals + 1) }
}

function unknownFlag(name: string, flags: FlagLookup): FlotillaError {
  const near = findNearest(name, flags.longNames)
  const detail = near === undefined ? {} : { hint: `did you mean --${near}?` }
  return new FlotillaError('cli/unknown-flag', `flag provided but not defined: -${name}`, detail)
}

function describeBadValue(use: FlagUse, reason: BadValue): string {
  const value = goQuote(use.value)
  if (reason === 'choice') {
    return `invalid value ${value} for flag -${use.name}: must be one of ${(use.spec.choices ?? []).join(', ')}`
  }
  if (use.spec.kind === 'boolean') return `invalid boolean value ${value} for -${use.name}: parse error`
  return `invalid value ${value} for flag -${use.name}: ${reason === 'range' ? 'value out of range' : 'parse error'}`
}

function describeBadEnv(variable: string, value: string, use: FlagUse): string {
  const [type, call] =
    use.spec.kind === 'boolean'
      ? ['boolean', 'ParseBool']
      : use.spec.kind === 'integer'
        ? ['int', 'ParseInt']
        : ['float64', 'ParseFloat']
  return `Error parsing ${type} value from ${variable}: strconv.${call}: parsing ${goQuote(value)}: invalid syntax`
}
