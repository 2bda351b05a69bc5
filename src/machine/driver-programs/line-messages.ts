import { FlotillaError } from '../../core/errors.ts'
import { ExactNumber, parseExactJson } from '../../core/exact-json.ts'
import type { JsonObject, JsonValue } from '../../core/exact-json.ts'
import type { FlagSpec, FlagTable } from '../../core/flag.ts'
import type { HostState, SshTarget } from '../driver.ts'

/** One line of a driver program's output. */
export interface LineMessage {
  readonly id: number
  /** The answer; `undefined` on lines that only report. */
  readonly result?: JsonValue
  readonly error?: { readonly message: string; readonly code?: string; readonly hint?: string }
  /** The machine's state as it is now. */
  readonly config?: JsonObject
  readonly log?: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly message: string }
}

/** What a driver program says of itself. */
export interface Description {
  readonly flags: FlagTable
  /** Requests it works on at once. */
  readonly concurrency: number
}

const kinds: readonly FlagSpec['kind'][] = ['boolean', 'string', 'integer', 'number', 'strings']
const states: readonly HostState[] = [
  ...(['', 'Running', 'Paused', 'Saved', 'Stopped', 'Stopping', 'Starting', 'Error', 'Timeout'] as const),
]

/** @throws {machine/driver} saying what is wrong with the line */
export function parseMessage(line: string): LineMessage {
  let value: JsonValue
  try {
    value = parseExactJson(line)
  } catch (error) {
    throw new FlotillaError('machine/driver', 'it is not JSON', { cause: error })
  }
  if (!isObject(value)) throw new FlotillaError('machine/driver', 'it is not an object')
  const { id, result, error, config, log, message } = value
  if (typeof id !== 'number') throw new FlotillaError('machine/driver', 'it has no "id"')
  if (config !== undefined && !isObject(config)) throw new FlotillaError('machine/driver', '"config" is not an object')
  return {
    id,
    ...(result !== undefined && { result }),
    ...(error !== undefined && { error: readError(error) }),
    ...(config !== undefined && { config }),
    ...(log !== undefined && { log: { level: readLevel(log), message: toText(message) } }),
  }
}

function readError(error: JsonValue): NonNullable<LineMessage['error']> {
  if (typeof error === 'string') return { message: error }
  if (!isObject(error) || typeof error['message'] !== 'string') {
    throw new FlotillaError('machine/driver', '"error" has no "message"')
  }
  const { message, code, hint } = error
  return { message, ...(typeof code === 'string' && { code }), ...(typeof hint === 'string' && { hint }) }
}

function readLevel(level: JsonValue): NonNullable<LineMessage['log']>['level'] {
  return level === 'debug' || level === 'warn' || level === 'error' ? level : 'info'
}

/** @throws {machine/driver} naming the flag and what is wrong with it */
export function parseDescription(value: JsonValue): Description {
  const invalid = (problem: string): FlotillaError =>
    new FlotillaError('machine/driver', `its description is wrong: ${problem}`)
  if (!isObject(value)) throw invalid('it is not an object')
  if (value['protocol'] !== 1) throw invalid(`"protocol" is ${render(value['protocol'])}, this program knows 1`)
  const { flags: list = [], concurrency = 1 } = value
  if (typeof concurrency !== 'number' || !Number.isInteger(concurrency) || concurrency < 1) {
    throw invalid('"concurrency" is not a number above 0')
  }
  if (!Array.isArray(list)) throw invalid('"flags" is not a list')
  const flags = (list as readonly JsonValue[]).map((item) => parseFlag(item, invalid))
  return { flags: Object.fromEntries(flags), concurrency }
}

function parseFlag(item: JsonValue, invalid: (problem: string) => FlotillaError): readonly [string, FlagSpec] {
  const { name, kind = 'string', brief, env, default: value, secret } = isObject(item) ? item : {}
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9-]*$/.test(name)) throw invalid(`a flag is called ${render(name)}`)
  const known = kinds.find((each) => each === kind)
  if (known === undefined)
    throw invalid(`flag "${name}" is of kind ${render(kind)}, which is none of ${kinds.join(', ')}`)
  if (typeof brief !== 'string' || brief === '') throw invalid(`flag "${name}" has no "brief"`)
  if (env !== undefined && typeof env !== 'string') throw invalid(`"env" of flag "${name}" is not a text`)
  if (!fits(known, value)) throw invalid(`"default" of flag "${name}" is not of kind ${known}`)
  return [
    name,
    {
      kind: known,
      brief,
      ...(env !== undefined && { env: [env] }),
      ...(value !== undefined && { default: value as NonNullable<FlagSpec['default']> }),
      ...(secret === true && { isSecret: true }),
    },
  ]
}

function fits(kind: FlagSpec['kind'], value: JsonValue | undefined): boolean {
  if (value === undefined) return true
  if (kind === 'strings') return Array.isArray(value) && value.every((item) => typeof item === 'string')
  if (kind === 'integer') return typeof value === 'number' && Number.isInteger(value)
  return typeof value === kind
}

/** @throws {machine/driver} when it is none of the states there are */
export function parseState(value: JsonValue | undefined): HostState {
  const state = states.find((each) => each === value)
  if (state === undefined) throw new FlotillaError('machine/driver', `there is no state ${render(value)}`)
  return state
}

/** @throws {machine/driver} when there is no host in it */
export function parseSsh(value: JsonValue | undefined): SshTarget | undefined {
  if (value === null || value === undefined) return undefined
  const { host, port = 22, user = 'root', keyPath = '' } = isObject(value) ? value : {}
  if (typeof host !== 'string' || typeof port !== 'number' || typeof user !== 'string' || typeof keyPath !== 'string') {
    throw new FlotillaError('machine/driver', `${render(value)} is not {"host", "port", "user", "keyPath"}`)
  }
  return { host, port, user, ...(keyPath === '' ? {} : { keyPath }) }
}

export function toText(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
}

function render(value: JsonValue | undefined): string {
  return JSON.stringify(value)?.slice(0, 200) ?? 'missing'
}
