/**
 * Every code an error of this program can carry. Codes are public: documented, matched on by callers,
 * and never reused for another meaning. The part before the slash is the domain that raises it.
 */
export type ErrorCode =
  // cli: what the user typed
  | 'cli/usage'
  | 'cli/unknown-command'
  | 'cli/unknown-flag'
  | 'cli/invalid-value'
  | 'cli/invalid-environment'
  | 'cli/cancelled'
  | 'cli/output'
  // core: text formats
  | 'core/invalid-duration'
  | 'core/invalid-size'
  | 'core/invalid-json'
  | 'core/template'
  | 'core/deadline'
  | 'core/aborted'
  | 'core/cycle'
  // io: files, processes, sockets
  | 'io/file'
  | 'io/too-large'
  | 'io/locked'
  | 'io/exec'
  | 'io/connect'
  | 'io/protocol'
  | 'io/ssh'
  // engine: one Docker Engine
  | 'engine/invalid-endpoint'
  | 'engine/unreachable'
  | 'engine/timeout'
  | 'engine/bad-request'
  | 'engine/unauthorized'
  | 'engine/not-found'
  | 'engine/conflict'
  | 'engine/not-modified'
  | 'engine/server'
  | 'engine/protocol'
  | 'engine/version'
  // machine: hosts and their store
  | 'machine/not-found'
  | 'machine/exists'
  | 'machine/invalid-name'
  | 'machine/invalid-record'
  | 'machine/future-record'
  | 'machine/store'
  | 'machine/certificate'
  | 'machine/driver'
  | 'machine/precheck'
  | 'machine/provision'
  | 'machine/state'
  | 'machine/usage'
  // cluster: many engines, one endpoint
  | 'cluster/discovery'
  | 'cluster/invalid-expression'
  | 'cluster/no-placement'
  | 'cluster/conflict'
  | 'cluster/not-found'
  | 'cluster/ambiguous'
  | 'cluster/invalid-option'
  | 'cluster/unhealthy'
  | 'cluster/unsupported'
  | 'cluster/unauthorized'
  | 'cluster/forbidden'
  // compose: projects
  | 'compose/invalid'
  | 'compose/not-found'
  | 'compose/limit'
  | 'compose/interpolation'
  | 'compose/plan'
  | 'compose/execute'
  | 'compose/locked'
  | 'compose/unsupported'
  // plugin: registry and third-party code
  | 'plugin/not-found'
  | 'plugin/duplicate'
  | 'plugin/invalid'
  // platform: what this machine lacks
  | 'platform/missing'
  | 'internal'

const brand = Symbol.for('flotilla.error')

/** What an error may carry besides its message. */
export interface ErrorDetail {
  readonly cause?: unknown
  /** One sentence that says what to do next. */
  readonly hint?: string
  /** Process exit code when this error ends a command; the personality decides when absent. */
  readonly exitCode?: number
  /** HTTP status an engine answered, or that the endpoint server should answer. */
  readonly status?: number
}

/**
 * The one error class of the program. Messages start lower-case, name the thing and the attempted
 * action, and end with the reason; `cause` is always set when another error is wrapped.
 */
export class FlotillaError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly exitCode: number | undefined
  readonly status: number | undefined

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'FlotillaError'
    this.code = code
    this.hint = detail.hint
    this.exitCode = detail.exitCode
    this.status = detail.status
    Object.defineProperty(this, brand, { value: true })
  }
}

/** True for errors of this program, also when they come from another copy of the package. */
export function isFlotillaError(value: unknown): value is FlotillaError {
  return typeof value === 'object' && value !== null && Reflect.get(value, brand) === true
}

/** The message of anything that was thrown, never empty. */
export function toMessage(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') {
    return thrown.errors.map(toMessage).join('\n')
  }
  if (thrown instanceof Error) return thrown.message === '' ? thrown.name : thrown.message
  return String(thrown)
}

/** What was thrown where it is an error, else an error that says it. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(toMessage(thrown))
}

/** One failure of a fan-out: which host, engine or service it belongs to. */
export interface NamedFailure {
  readonly name: string
  readonly error: unknown
}

/**
 * Joins the failures of a fan-out into one error whose text lists `name: message`, a line each, in the
 * order given.
 */
export function joinFailures(
  code: ErrorCode,
  failures: readonly NamedFailure[],
  detail: ErrorDetail = {},
): FlotillaError {
  const text = failures.map((failure) => `${failure.name}: ${toMessage(failure.error)}`).join('\n')
  const cause = new AggregateError(failures.map((failure) => failure.error))
  return new FlotillaError(code, text, { ...detail, cause })
}

/** Marks a branch that the types say cannot be reached. */
export function assertNever(value: never): never {
  throw new FlotillaError('internal', `unexpected value ${JSON.stringify(value)}`)
}
