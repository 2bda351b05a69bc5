import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { CompileRegex } from '../expression.ts'
import { isFields } from '../wire.ts'

/** The `filters` parameter of a list call: values by key. */
export type ListFilters = ReadonlyMap<string, readonly string[]>

/**
 * Reads the `filters` parameter in either of its forms, `{"k":["v"]}` and `{"k":{"v":true}}`. As for engines, `null` is
 * no filter, and a value counts that is named, whatever is said of it.
 *
 * @param known what the keys may be; absent: anything, and what nobody reads is of no consequence
 * @throws {cluster/invalid-option} status 400, for other JSON and for keys not in `known`
 */
export function parseListFilters(text: string, known?: readonly string[]): ListFilters {
  const filters = new Map<string, readonly string[]>()
  if (text === '') return filters
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new FlotillaError('cluster/invalid-option', 'invalid filter: not JSON', { status: 400, cause: error })
  }
  if (value === null) return filters
  if (!isFields(value)) throw invalid('invalid filter: must be an object')
  for (const [key, entry] of Object.entries(value)) {
    if (known?.includes(key) === false) throw invalid(`invalid filter '${key}'`)
    filters.set(key, readValues(key, entry))
  }
  return filters
}

function readValues(key: string, entry: unknown): readonly string[] {
  if (entry === null) return []
  if (Array.isArray(entry) && entry.every((each) => typeof each === 'string')) return entry
  if (isFields(entry) && Object.values(entry).every((each) => typeof each === 'boolean')) return Object.keys(entry)
  throw invalid(`invalid filter '${key}': must be a list of texts`)
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message, { status: 400 })
}

/** `true`, `1`, `false`, `0`; undefined when the filter is not given. */
export function readFlag(filters: ListFilters, key: string): boolean | undefined {
  const values = filters.get(key)
  if (values === undefined || values.length === 0) return undefined
  const value = values[0]
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  throw invalid(`invalid filter '${key}=${String(value)}'`)
}

/** @throws {cluster/invalid-option} status 400, for a value that is none of `known` */
export function checkValues(filters: ListFilters, key: string, what: string, known: readonly string[]): void {
  const wrong = (filters.get(key) ?? []).find((value) => !known.includes(value))
  if (wrong === undefined) return
  throw invalid(
    `invalid filter '${key}=${wrong}': invalid value for ${what} (${wrong}): must be one of ${known.join(', ')}`,
  )
}

/** @throws {cluster/invalid-option} status 400, for a value that is no whole number */
export function checkNumbers(filters: ListFilters, key: string): void {
  const wrong = (filters.get(key) ?? []).find((value) => !/^[+-]?\d+$/.test(value))
  if (wrong !== undefined) throw invalid(`invalid filter '${key}=${wrong}': must be a whole number`)
}

/** True when the filter is not given, or one of its values fits. */
export function isAny(filters: ListFilters, key: string, fits: (value: string) => boolean): boolean {
  const values = filters.get(key)
  return values === undefined || values.length === 0 || values.some(fits)
}

/** `key` or `key=value`, all of which must be there. @param filter whose values they are */
export function hasLabels(filters: ListFilters, labels: ReadonlyMap<string, string>, filter = 'label'): boolean {
  return (filters.get(filter) ?? []).every((text) => hasLabel(text, labels))
}

/** As `hasLabels`, for many to be asked about; a value that is given twice is looked at once. */
export function compileLabels(
  filters: ListFilters,
  filter = 'label',
): (labels: ReadonlyMap<string, string>) => boolean {
  const texts = [...new Set(filters.get(filter))]
  return (labels) => texts.every((text) => hasLabel(text, labels))
}

function hasLabel(text: string, labels: ReadonlyMap<string, string>): boolean {
  const at = text.indexOf('=')
  if (at < 0) return labels.has(text)
  return labels.get(text.slice(0, at)) === text.slice(at + 1)
}

const special = /[\\^$.|?*+()[\]{}]/

/** True when matching these names takes the regular expression engine. */
export function needsNameRegex(filters: ListFilters): boolean {
  return (filters.get('name') ?? []).some((text) => special.test(stripAnchors(text)))
}

function stripAnchors(text: string): string {
  return text.replace(/^\^/, '').replace(/\$$/, '')
}

/** What the values of the filter `name` say of a name. */
export interface NameTest {
  /** One of them fits. */
  any(name: string): boolean
  /**
   * One of those fits that have a slash, and so a node in them. Others say nothing of nodes:
   * `docker rm $(docker ps -q -f name=web)` must not take what runs on a node called web1.
   */
  withNode(name: string): boolean
}

/**
 * Engines take name filters as regular expressions in Go syntax, unanchored. Plain text needs no engine for them.
 *
 * @returns undefined when the filter is not given
 * @throws {cluster/invalid-option} status 400, for patterns that are not Go's
 */
export function compileNames(filters: ListFilters, compile: CompileRegex): NameTest | undefined {
  const texts = [...new Set(filters.get('name'))]
  if (texts.length === 0) return undefined
  const matchers = texts.map((text) => compileName(text, compile))
  const slashed = matchers.filter((_, index) => namesNode(texts[index] ?? ''))
  return {
    any: (name) => matchers.some((matches) => matches(name)),
    withNode: (name) => slashed.some((matches) => matches(name)),
  }
}

/** Plain values that every name is held against without others having their turn meanwhile: a fleet of 30,000 in milliseconds. */
const fewNames = 16

/** True when matching a fleet's names takes a while. */
export function isNameCostly(filters: ListFilters): boolean {
  return (filters.get('name') ?? []).length > fewNames || needsNameRegex(filters)
}

/**
 * The time of a match grows with its pattern, and each name of the fleet is matched with each of them.
 *
 * @param most characters of all of them
 * @throws {cluster/invalid-option} status 400
 */
export function checkNamePatterns(filters: ListFilters, most: number): void {
  const patterns = (filters.get('name') ?? []).filter((text) => special.test(stripAnchors(text)))
  if (patterns.reduce((sum, text) => sum + text.length, 0) > most) {
    throw invalid(`invalid filter 'name': patterns of more than ${most} characters`)
  }
}

/** True for a slash besides the one that names of containers begin with. */
function namesNode(text: string): boolean {
  return stripAnchors(text)
    .replace(/^\/\??/, '')
    .includes('/')
}

function compileName(text: string, compile: CompileRegex): (name: string) => boolean {
  const bare = stripAnchors(text)
  if (special.test(bare)) return compilePattern(text, compile)
  const isStart = text.startsWith('^')
  const isEnd = text.endsWith('$')
  if (isStart && isEnd) return (name) => name === bare
  if (isStart) return (name) => name.startsWith(bare)
  if (isEnd) return (name) => name.endsWith(bare)
  return (name) => name.includes(bare)
}

function compilePattern(text: string, compile: CompileRegex): (name: string) => boolean {
  try {
    return compile(text)
  } catch (error) {
    throw invalid(`invalid filter 'name': ${toMessage(error)}`)
  }
}
