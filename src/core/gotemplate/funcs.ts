import { ExactNumber } from '../exact-json.ts'
import { compareBasic, isEqualToAny } from './compare.ts'
import { goSprintf } from './printf.ts'
import { CallProblem } from './problem.ts'
import { byteLength, entryOf, goType, hasEntry, isTruthy, renderJson, renderValue } from './value.ts'

/** A function a template may call. Throws `CallProblem` for wrong arguments. */
export type TemplateFunction = (...args: readonly unknown[]) => unknown

export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>

const html: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&#34;',
  "'": '&#39;',
  '\0': '\ufffd',
}

/** What every Go template has. `and` and `or` stop early and are evaluated by the caller. */
export const basicFunctions: TemplateFunctions = {
  and: (...args) => args.find((arg) => !isTruthy(arg)) ?? args.at(-1),
  or: (...args) => args.find(isTruthy) ?? args.at(-1),
  not: (value) => !isTruthy(value),
  len: measure,
  index: (value, ...keys) => keys.reduce(indexOne, value),
  slice,
  print: (...args) => sprint(args),
  printf: (format, ...args) => goSprintf(text('printf', format), args),
  println: (...args) => `${args.map((arg) => renderValue(arg)).join(' ')}\n`,
  html: (...args) => sprint(args).replace(/[<>&"'\0]/g, (letter) => html[letter] ?? letter),
  js: (...args) => JSON.stringify(sprint(args)).slice(1, -1).replaceAll("'", "\\'").replaceAll('<', '\\u003C'),
  urlquery: (...args) => encodeURIComponent(sprint(args)).replaceAll('%20', '+'),
  eq: (first, ...others) => isEqualToAny(first, others),
  ne: (first, second) => !isEqualToAny(first, [second]),
  lt: (first, second) => compareBasic(first, second) < 0,
  le: (first, second) => compareBasic(first, second) <= 0,
  gt: (first, second) => compareBasic(first, second) > 0,
  ge: (first, second) => compareBasic(first, second) >= 0,
}

/** What docker adds for `--format`. */
export const dockerFunctions: TemplateFunctions = {
  json: (value) => renderJson(value),
  split: (value, separator) => splitText(text('split', value), text('split', separator)),
  join: (values, separator) =>
    list(values)
      .map((value) => renderValue(value))
      .join(text('join', separator)),
  title: (value) =>
    text('title', value).replace(
      /(^|[^\p{L}\p{Nd}_'])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  lower: (value) => text('lower', value).toLowerCase(),
  upper: (value) => text('upper', value).toUpperCase(),
  pad(value, before, after) {
    const word = text('pad', value)
    return word === '' ? '' : ' '.repeat(count(before)) + word + ' '.repeat(count(after))
  },
  truncate: (value, length) => Array.from(text('truncate', value)).slice(0, count(length)).join(''),
}

/** docker's functions over headings: what would change the text of a cell leaves its heading alone. */
export const headingFunctions: TemplateFunctions = {
  ...dockerFunctions,
  json: (value) => value,
  title: (value) => value,
  lower: (value) => value,
  upper: (value) => value,
  truncate: (value) => value,
  split: (value) => value,
  join: (value) => value,
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new CallProblem(`wrong type for value; expected string; got ${goType(value)} (in ${name})`)
}

const maxCount = 1_000_000

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new CallProblem(`wrong type for value; expected int; got ${goType(value)}`)
  }
  if (value > maxCount) throw new CallProblem(`${value} is more than ${maxCount}`)
  return Math.max(0, value)
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as unknown[]
  throw new CallProblem(`wrong type for value; expected []string; got ${goType(value)}`)
}

function splitText(value: string, separator: string): readonly string[] {
  return separator === '' ? Array.from(value) : value.split(separator)
}

/** Go's `Sprint`: a blank between two values that are both no strings. */
function sprint(args: readonly unknown[]): string {
  let printed = ''
  for (const [index, arg] of args.entries()) {
    if (index > 0 && typeof arg !== 'string' && typeof args[index - 1] !== 'string') printed += ' '
    printed += renderValue(arg)
  }
  return printed
}

function measure(value: unknown): number {
  if (typeof value === 'string') return byteLength(value)
  if (Array.isArray(value)) return value.length
  if (value instanceof Map) return value.size
  if (value === null || value === undefined) throw new CallProblem('len of nil pointer')
  if (typeof value === 'object' && !(value instanceof ExactNumber)) return Object.keys(value).length
  throw new CallProblem(`len of type ${goType(value)}`)
}

function indexOne(value: unknown, key: unknown): unknown {
  if (value === null || value === undefined) throw new CallProblem('index of untyped nil')
  if (typeof value === 'string' || Array.isArray(value)) {
    if (typeof key !== 'number' || !Number.isInteger(key))
      throw new CallProblem(`cannot index slice/array with type ${goType(key)}`)
    if (key < 0 || key >= value.length) throw new CallProblem(`index out of range: ${key}`)
    return typeof value === 'string' ? value.charCodeAt(key) : (value[key] as unknown)
  }
  if (typeof value === 'object' && !(value instanceof ExactNumber)) {
    const name = text('index', key)
    return hasEntry(value, name) ? entryOf(value, name) : undefined
  }
  throw new CallProblem(`can't index item of type ${goType(value)}`)
}

function slice(value: unknown, from: unknown = 0, to?: unknown): unknown {
  if (typeof value !== 'string' && !Array.isArray(value))
    throw new CallProblem(`can't slice item of type ${goType(value)}`)
  const start = Number(from)
  const end = to === undefined ? value.length : Number(to)
  if (!Number.isInteger(start) || start < 0 || start > value.length)
    throw new CallProblem(`index out of range: ${start}`)
  if (!Number.isInteger(end) || end < start || end > value.length) throw new CallProblem(`index out of range: ${end}`)
  return value.slice(start, end)
}
