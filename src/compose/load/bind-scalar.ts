import { toMessage } from '../../core/errors.ts'
import { parseBinarySize } from '../../core/bytes.ts'
import { parseGoFloat } from '../../core/go-float.ts'
import { assertNever } from '../../core/errors.ts'
import type { ScalarKind } from '../model/field/kind.ts'
import { GoScalar } from '../model/go-scalar.ts'
import { readBooleanWord } from './boolean-word.ts'
import { parseDuration } from './duration.ts'
import { renderScalar } from './plain.ts'
import { splitWords } from './shell-words.ts'
import { isMap, makeMap } from './tree.ts'
import type { Tree, TreeMap } from './tree.ts'
import { goTypeOf } from './unique.ts'

/** A mistake, as an object with a prototype to tell it from trees. */
export interface BindProblem {
  readonly problem: string
  /** Where below the field. */
  readonly at?: string | number
}

function fail(problem: string, at?: string | number): BindProblem {
  return at === undefined ? { problem } : { problem, at }
}

type Warn = (message: string) => void

/** One value in the model's form, or what is wrong with it. */
export function bindScalar(kind: ScalarKind, value: Tree, warn: Warn): Tree | BindProblem {
  switch (kind) {
    case 'text':
      return bindText(value)
    case 'flag':
    case 'maybe-flag':
      return bindFlag(value, warn)
    case 'whole':
    case 'maybe-whole':
      return bindWhole(value)
    case 'uint16':
      return bindUnsigned(value, 'uint16', false)
    case 'uint32':
      return bindUnsigned(value, 'uint32', false)
    case 'port':
      return bindUnsigned(value, 'uint32', true)
    case 'uint64':
    case 'maybe-uint64':
      return bindUnsigned(value, 'uint64', true)
    case 'fraction':
      return bindFraction(value)
    case 'bytes':
      return bindBytes(value)
    case 'bytes-or-none':
      // The engine reads -1 as "no limit"; sizes proper are never negative.
      return value === '-1' ? -1 : bindBytes(value)
    case 'duration':
    case 'maybe-duration':
      return bindDuration(value)
    case 'mode':
      return bindMode(value)
    case 'count':
      return bindCount(value)
    case 'texts':
      return bindTexts(value)
    case 'command':
      return typeof value === 'string' ? bindWords(value) : bindTexts(value)
    case 'test':
      return typeof value === 'string' ? ['CMD-SHELL', value] : bindTexts(value)
    case 'pairs':
    case 'labels':
    case 'options':
      return bindPairs(value, false)
    case 'maybe-pairs':
      return bindPairs(value, true)
    case 'text-options':
      return bindTextOptions(value)
    case 'many-options':
      return bindManyOptions(value)
    case 'hosts':
      return bindHosts(value)
    case 'ulimit':
      return bindUlimit(value)
    case 'ssh':
      return bindSsh(value)
    case 'env-file':
      return bindEnvFile(value, warn)
    default:
      return assertNever(kind)
  }
}

function unexpected(wanted: string, value: Tree): BindProblem {
  return fail(`expected ${wanted}, got ${JSON.stringify(value)}`)
}

function bindText(value: Tree): Tree | BindProblem {
  if (typeof value === 'string') return value
  return isWhole(value) ? renderScalar(value) : notText(value)
}

/** Where a text is wanted, a whole number is taken for its digits; a float might have been written another way. */
function isWhole(value: Tree): boolean {
  if (value instanceof GoScalar) return value.type === 'int'
  return Number.isSafeInteger(value) && !Object.is(value, -0)
}

function notText(value: Tree, at?: string | number): BindProblem {
  return fail(`expected type 'string', got unconvertible type '${goTypeOf(value)}'`, at)
}

function bindFlag(value: Tree, warn: Warn): Tree | BindProblem {
  if (typeof value === 'boolean') return value
  const flag = typeof value === 'string' ? readBooleanWord(value, warn) : undefined
  return flag ?? fail(`invalid boolean: ${renderScalar(value)}`)
}

function bindWhole(value: Tree): Tree | BindProblem {
  const number = numberOf(value)
  const text = renderScalar(value)
  if (number === undefined) {
    if (!/^[-+]?\d+$/.test(text)) return fail(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
    return bindWhole(Number(text))
  }
  if (Number.isSafeInteger(Math.trunc(number))) return Math.trunc(number) + 0
  return fail(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`)
}

function numberOf(value: Tree): number | undefined {
  if (value instanceof GoScalar && value.kind !== 'time') return value.number
  return typeof value === 'number' ? value : undefined
}

function bindUnsigned(value: Tree, type: string, takesText: boolean): Tree | BindProblem {
  if (typeof value === 'string' && !takesText) {
    return fail(`expected type '${type}', got unconvertible type 'string'`)
  }
  const number = bindWhole(value)
  if (typeof number !== 'number' || number >= 0) return number
  return fail(`cannot parse value as '${type}': ${number} overflows uint`)
}

function bindFraction(value: Tree): Tree | BindProblem {
  const text = renderScalar(value)
  const number = numberOf(value) ?? parseGoFloat(text)
  if (typeof number === 'number' && Number.isFinite(number)) return Math.fround(number)
  const reason = typeof number === 'string' ? number : 'invalid syntax'
  return fail(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: ${reason}`)
}

function bindBytes(value: Tree): Tree | BindProblem {
  const number = numberOf(value)
  const text = renderScalar(value)
  if (number !== undefined) {
    // The engine takes no more than 64 bits; a double holds 53 of them exactly.
    return Number.isSafeInteger(Math.trunc(number)) ? Math.trunc(number) + 0 : fail(`invalid size: '${text}'`)
  }
  try {
    return parseBinarySize(text)
  } catch (error) {
    return fail(toMessage(error))
  }
}

function bindDuration(value: Tree): Tree | BindProblem {
  const duration = parseDuration(renderScalar(value))
  return typeof duration === 'number' ? duration : fail(duration.reason)
}

function bindMode(value: Tree): Tree | BindProblem {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  if (numberOf(value) !== undefined) return fail(`unexpected value type ${goTypeOf(value)} for mode`)
  const text = renderScalar(value)
  return /^\+?[0-7]+$/.test(text)
    ? Number.parseInt(text, 8)
    : fail(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
}

function bindCount(value: Tree): Tree | BindProblem {
  if (numberOf(value) !== undefined) return bindWhole(value)
  const text = renderScalar(value)
  if (text.toLowerCase() === 'all') return -1
  if (/^[-+]?\d+$/.test(text)) return Number(text)
  return fail(`invalid value ${JSON.stringify(text)}, the only value allowed is 'all' or a number`)
}

function bindTexts(value: Tree): Tree | BindProblem {
  if (Array.isArray(value)) {
    const float = value.findIndex((entry) => goTypeOf(entry) === 'float64')
    if (float >= 0) return notText(value[float] ?? null, float)
    return value.map((entry) => (entry === null ? '' : renderScalar(entry)))
  }
  return isMap(value) ? unexpected('a list', value) : [renderScalar(value)]
}

function bindWords(value: string): Tree | BindProblem {
  const words = splitWords(value)
  return Array.isArray(words) ? words : fail('invalid command line string')
}

function bindPairs(value: Tree, keepsNull: boolean): Tree | BindProblem {
  const made = makeMap()
  const empty = keepsNull ? null : ''
  if (Array.isArray(value)) {
    for (const entry of value) {
      const text = renderScalar(entry)
      const equals = text.indexOf('=')
      const key = equals < 0 ? text : text.slice(0, equals)
      if (keepsNull && /\s$/.test(key)) return fail(`environment variable ${key} is declared with a trailing space`)
      made[key] = equals < 0 ? empty : text.slice(equals + 1)
    }
    return made
  }
  if (!isMap(value)) return unexpected('a mapping', value)
  for (const [key, held] of Object.entries(value)) made[key] = held === null ? empty : renderScalar(held)
  return made
}

function bindTextOptions(value: Tree): Tree | BindProblem {
  if (!isMap(value)) return unexpected('a mapping', value)
  const made = makeMap()
  for (const [key, held] of Object.entries(value)) {
    const text = held === null ? '' : bindText(held)
    if (typeof text !== 'string') return notText(held, key)
    made[key] = text
  }
  return made
}

function bindManyOptions(value: Tree): Tree | BindProblem {
  if (!isMap(value)) return unexpected('a mapping', value)
  const made = makeMap()
  for (const [key, held] of Object.entries(value)) {
    const all = (Array.isArray(held) ? held : [held]).map((one) => renderScalar(one))
    if (all.length > 0) made[key] = all
  }
  return made
}

function bindHosts(value: Tree): Tree | BindProblem {
  const made = makeMap() as Record<string, string[]>
  const add = (host: string, addresses: readonly string[]): void => {
    const bare = addresses.map((address) => (/^\[.+\]$/.test(address) ? address.slice(1, -1) : address))
    made[host] = [...(made[host] ?? []), ...bare]
  }
  if (Array.isArray(value)) {
    for (const entry of value) {
      const text = renderScalar(entry)
      const at = text.includes('=') ? text.indexOf('=') : text.indexOf(':')
      if (at < 0) return fail(`invalid additional host, missing IP: ${text}`)
      add(text.slice(0, at), text.slice(at + 1).split(','))
    }
  } else if (isMap(value)) {
    for (const [host, held] of Object.entries(value)) {
      add(
        host,
        (Array.isArray(held) ? held : [held]).map((one) => (one === null ? '' : renderScalar(one))),
      )
    }
  } else return unexpected('a mapping', value)
  const wrong = Object.keys(made).find((host) => host === '' || /[:=]/.test(host))
  return wrong === undefined ? made : fail(`bad host name '${wrong}'`)
}

function bindUlimit(value: Tree): Tree | BindProblem {
  if (!isMap(value)) {
    if (goTypeOf(value) === 'float64') return fail('invalid type float64')
    const single = bindWhole(value)
    return typeof single === 'number' ? Object.assign(makeMap(), { single }) : single
  }
  const made: TreeMap = makeMap()
  for (const [key, held] of Object.entries(value)) {
    if (key.startsWith('x-')) made[key] = held
    else {
      const limit = bindWhole(held)
      if (typeof limit !== 'number') return limit
      made[key] = limit
    }
  }
  return made
}

function bindSsh(value: Tree): Tree | BindProblem {
  if (!isMap(value)) return unexpected('a mapping', value)
  return Object.keys(value)
    .sort()
    .map((id) => {
      const path = value[id] ?? null
      return Object.assign(makeMap(), path === null ? { id } : { id, path: renderScalar(path) })
    })
}

function bindEnvFile(value: Tree, warn: Warn): Tree | BindProblem {
  if (!isMap(value)) return unexpected('a mapping', value)
  const required = bindFlag(value['required'] ?? true, warn)
  if (typeof required !== 'boolean') return required
  const format = value['format'] ?? ''
  const made = Object.assign(makeMap(), { path: renderScalar(value['path'] ?? ''), required })
  return format === '' ? made : Object.assign(made, { format: renderScalar(format) })
}
