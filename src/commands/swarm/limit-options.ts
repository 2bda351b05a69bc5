import type { ManagerLimits } from '../../cluster/limits.ts'
import { parseBinarySize } from '../../core/bytes.ts'
import { parseDurationNs, renderDurationMs } from '../../core/duration.ts'
import { FlotillaError } from '../../core/errors.ts'
import { findNearest } from '../../core/suggest.ts'

/** One limit that `--cluster-opt` can set. */
export interface LimitOption {
  readonly key: keyof ManagerLimits
  readonly kind: 'size' | 'count' | 'duration'
  /** Bytes, a number, or milliseconds. */
  readonly least: number
  readonly most: number
  /** What is limited, and what happens beyond it; for docs/reliability.md. */
  readonly brief: string
  readonly breach: string
}

const prefix = 'swarm.limit.'
const [KiB, MiB, second, hour] = [1024, 1024 * 1024, 1000, 3_600_000]
const time = { kind: 'duration', least: second, most: 24 * hour } as const
const many = { kind: 'count', least: 1, most: 1_000_000 } as const

/** Beyond 512 MiB a text would be longer than the language allows. */
const longestText = 511 * MiB

/** By what follows `swarm.limit.`. */
export const limitOptions: Readonly<Record<string, LimitOption>> = {
  'request.head': {
    key: 'headBytes',
    kind: 'size',
    least: 4 * KiB,
    most: 16 * MiB,
    brief: 'request line and headers together',
    breach: '431, closed',
  },
  'request.headers': {
    key: 'headers',
    kind: 'count',
    least: 16,
    most: 10_000,
    brief: 'headers of a request',
    breach: '431, closed',
  },
  'request.headtime': {
    ...time,
    key: 'headSeconds',
    brief: 'from the first byte of a request until its headers are complete',
    breach: '408, closed',
  },
  'request.body': {
    key: 'bodyBytes',
    kind: 'size',
    least: KiB,
    most: longestText,
    brief: 'a body that is read as a whole: creates and other JSON',
    breach: '413, before more of it is kept',
  },
  'request.bodytime': {
    ...time,
    key: 'bodySeconds',
    brief: 'until such a body is complete',
    breach: '408, closed',
  },
  'request.bodyidle': {
    ...time,
    key: 'bodyIdleSeconds',
    brief: 'pause within a body of any kind',
    breach: '408, closed',
  },
  'request.keepalive': {
    ...time,
    key: 'keepAliveSeconds',
    brief: 'between two requests on a connection',
    breach: 'closed',
  },
  'request.unread': {
    ...time,
    key: 'unreadMs',
    brief: 'a client reads nothing of what is left for it on a connection that is over',
    breach: 'cut',
  },
  'json.depth': {
    key: 'jsonDepth',
    kind: 'count',
    least: 16,
    most: 1000,
    brief: 'levels of JSON, in bodies of clients and answers of engines',
    breach: '400; an engine whose answers are deeper is unhealthy',
  },
  'json.values': {
    ...many,
    key: 'jsonValues',
    brief: 'values in a body of JSON that is looked into: texts, numbers, lists and objects',
    breach: '400',
  },
  connections: { ...many, key: 'total', brief: 'connections of clients', breach: '503 with `Retry-After`' },
  'connections.address': {
    ...many,
    key: 'perAddress',
    brief: 'connections from one address; with `--replication` as many as in all, unless it is set',
    breach: '503 with `Retry-After`',
  },
  streams: {
    ...many,
    key: 'hijacked',
    brief: 'raw streams: attach, exec, sessions of builds',
    breach: '503 with `Retry-After`',
  },
  'engine.requests': {
    key: 'inFlight',
    kind: 'count',
    least: 1,
    most: 10_000,
    brief: 'requests that one engine has and has not answered',
    breach: 'further ones wait',
  },
  'engine.queue': {
    key: 'queued',
    kind: 'count',
    least: 0,
    most: 1_000_000,
    brief: 'requests that wait for one engine',
    breach: '503, naming the node',
  },
  'engine.answer': {
    key: 'answerBytes',
    kind: 'size',
    least: 64 * KiB,
    most: longestText,
    brief: 'an answer of an engine that is read as a whole',
    breach: 'that engine is unhealthy, with the reason',
  },
  call: {
    ...time,
    key: 'callSeconds',
    brief: 'until an engine answers a plain call',
    breach: '504, naming the node',
  },
  'call.create': {
    ...time,
    key: 'createSeconds',
    brief: 'the same for calls that create, start, stop or remove; a stop has its own time besides',
    breach: '504, naming the node',
  },
  'call.pullidle': {
    ...time,
    key: 'pullIdleSeconds',
    brief: 'a pull, or a copy between nodes, without any progress',
    breach: 'given up, naming the engine',
  },
  'call.gather': {
    ...time,
    key: 'gatherSeconds',
    brief: 'all engines together, where they have to be asked: `ps -s`, `system df`, past events',
    breach: 'answered without the late ones, with a `Warning` header and a log line',
  },
  pattern: {
    key: 'patternLength',
    kind: 'count',
    least: 16,
    most: 64 * KiB,
    brief: 'characters of the value of a condition, and of the patterns of one filter by name or reference',
    breach: '400',
  },
  events: {
    ...many,
    key: 'events',
    brief: 'events that wait for a subscriber, for longer than a second',
    breach: 'dropped, with a last event that says so',
  },
  'events.bytes': {
    key: 'eventBytes',
    kind: 'size',
    least: 64 * KiB,
    most: 1024 * MiB,
    brief: 'the same in bytes',
    breach: 'dropped, with a last event that says so',
  },
}

/**
 * Reads the `swarm.limit.NAME=VALUE` among the values of `--cluster-opt`; others are left to others. The last one counts.
 *
 * @throws {cluster/invalid-option} naming the option: one that there is not, or a value out of its bounds
 */
export function readLimitOptions(values: readonly string[]): Partial<ManagerLimits> {
  const limits: { -readonly [K in keyof ManagerLimits]?: number } = {}
  for (const value of values) {
    if (!value.startsWith(prefix)) continue
    const cut = value.indexOf('=')
    const name = value.slice(prefix.length, cut < 0 ? undefined : cut)
    const option = Object.hasOwn(limitOptions, name) ? limitOptions[name] : undefined
    if (option === undefined) throw unknownLimit(name)
    limits[option.key] = readValue(name, option, cut < 0 ? '' : value.slice(cut + 1))
  }
  return limits
}

function unknownLimit(name: string): FlotillaError {
  const nearest = findNearest(name, Object.keys(limitOptions))
  const hint = nearest === undefined ? 'docs/reliability.md lists them' : `did you mean ${prefix}${nearest}?`
  return new FlotillaError('cluster/invalid-option', `there is no limit ${prefix}${name}`, { hint })
}

function readValue(name: string, option: LimitOption, text: string): number {
  const amount = parseAmount(option.kind, text)
  if (amount === undefined || amount < option.least || amount > option.most) {
    const [least, most] = [renderAmount(option.kind, option.least), renderAmount(option.kind, option.most)]
    const wanted = option.kind === 'duration' ? 'whole seconds' : option.kind === 'size' ? 'a size' : 'a number'
    const message = `${prefix}${name} should be ${wanted} from ${least} to ${most}, ${JSON.stringify(text)} is invalid`
    throw new FlotillaError('cluster/invalid-option', message)
  }
  return option.key.endsWith('Seconds') ? amount / second : amount
}

function parseAmount(kind: LimitOption['kind'], text: string): number | undefined {
  if (kind === 'count') return /^\d{1,9}$/.test(text) ? Number(text) : undefined
  try {
    if (kind === 'size') return parseBinarySize(text)
    const ns = parseDurationNs(text)
    return ns % 1_000_000_000n === 0n ? Number(ns / 1_000_000n) : undefined
  } catch {
    return undefined
  }
}

/** As `--cluster-opt` takes it. */
function renderAmount(kind: LimitOption['kind'], amount: number): string {
  if (kind === 'count') return String(amount)
  if (kind === 'duration') return renderDurationMs(amount).replace(/(?<=[hm])0[ms].*$/, '')
  return amount % MiB === 0 ? `${amount / MiB}m` : `${amount / KiB}k`
}

/** The value of an option among `limits`, as it would be written. */
export function renderLimit(option: LimitOption, limits: ManagerLimits): string {
  const value = limits[option.key]
  return renderAmount(option.kind, option.key.endsWith('Seconds') ? value * second : value)
}
