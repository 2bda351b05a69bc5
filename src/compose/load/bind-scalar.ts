import { toMessage } from '../../core/errors.ts'
import { parseBinarySize } from '../../core/bytes.ts'
import { assertNever } from '../../core/errors.ts'
import type { ScalarKind } from '../model/field/kind.ts'
import { parseDuration } from './duration.ts'
import { renderScalar } from './plain.ts'
import { splitWords } from './shell-words.ts'
import { isMap, makeMap } from './tree.ts'
import type { Tree, TreeMap } from './tree.ts'

/** A mistake, as an object with a prototype to tell it from trees. */
export interface BindProblem {
  readonly problem: string
}

function fail(problem: string): BindProblem {
  return { problem }
}

/** One value in the model's form, or what is wrong with it. */
export function bindScalar(kind: ScalarKind, value: Tree): Tree | BindProblem {
  switch (kind) {
    case 'text':
      return bindText(value)
    case 'flag':
    case 'maybe-flag':
      return bindFlag(value)
    case 'whole':
    case 'maybe-whole':
      return bindWhole(value)
    case 'fraction':
      return bindFraction(value)
    case 'bytes':
      return bindBytes(value)
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
    case 'many-options':
      return bindManyOptions(value)
    case 'hosts':
      return bindHosts(value)
    case 'ulimit':
      return bindUlimit(value)
    case 'ssh':
      return bindSsh(value)
    case 'env-file':
      return bindEnvFile(value)
    default:
      return assertNever(kind)
  }
}

function unexpected(wanted: string, value: Tree): BindProblem {
  return fail(`expected ${wanted}, got ${JSON.stringify(value)}`)
}

function bindText(value: Tree): Tree | BindProblem {
  if (typeof value === 'string') return value
  return typeof value === 'number' ? renderScalar(value) : unexpected('a text', value)
}

function bindFlag(value: Tree): Tree | BindProblem {
  if (typeof value === 'boolean') return value
  const word = typeof value === 'string' ? value.toLowerCase() : ''
  if (['true', 'y', 'yes', 'on'].includes(word)) return true
  if (['false', 'n', 'no', 'off'].includes(word)) return false
  return fail(`invalid boolean: ${renderScalar(value)}`)
}

function bindWhole(value: Tree): Tree | BindProblem {
  if (typeof value === 'number') return Math.trunc(value)
  const text = renderScalar(value)
  if (/^[-+]?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  return fail(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
}

function bindFraction(value: Tree): Tree | BindProblem {
  const number = typeof value === 'number' ? value : Number(/^\s*$/.test(renderScalar(value)) ? 'x' : value)
  if (!Number.isNaN(number)) return Math.fround(number)
  return fail(`strconv.ParseFloat: parsing ${JSON.stringify(value)}: invalid syntax`)
}

function bindBytes(value: Tree): Tree | BindProblem {
  if (typeof value === 'number') return Math.trunc(value)
  const text = renderScalar(value)
  // The engine reads -1 as "no limit"; sizes proper are never negative.
  if (text === '-1') return -1
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
  if (typeof value === 'number') return Math.trunc(value)
  const text = renderScalar(value)
  return /^(?:0o)?[0-7]+$/.test(text)
    ? Number.parseInt(text.replace(/^0o/, ''), 8)
    : fail(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
}

function bindCount(value: Tree): Tree | BindProblem {
  if (typeof value === 'number') return Math.trunc(value)
  const text = renderScalar(value)
  if (text.toLowerCase() === 'all') return -1
  if (/^[-+]?\d+$/.test(text)) return Number(text)
  return fail(`invalid value ${JSON.stringify(text)}, the only value allowed is 'all' or a number`)
}

function bindTexts(value: Tree): Tree | BindProblem {
  if (Array.isArray(value)) return value.map((entry) => (entry === null ? '' : renderScalar(entry)))
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

function bindManyOptions(value: Tree): Tree | BindProblem {
  if (!isMap(value)) return unexpected('a mapping', value)
  const made = makeMap()
  for (const [key, held] of Object.entries(value)) {
    made[key] = (Array.isArray(held) ? held : [held]).map((one) => renderScalar(one))
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

function bindEnvFile(value: Tree): Tree | BindProblem {
  if (!isMap(value)) return unexpected('a mapping', value)
  const required = bindFlag(value['required'] ?? true)
  if (typeof required !== 'boolean') return required
  const format = value['format'] ?? ''
  const made = Object.assign(makeMap(), { path: renderScalar(value['path'] ?? ''), required })
  return format === '' ? made : Object.assign(made, { format: renderScalar(format) })
}
