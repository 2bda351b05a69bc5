import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FakeState } from './state.ts'

/** An answer that is an error, as a handler throws it. */
export class FakeError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** A connection that leaves HTTP. */
export interface FakeUpgrade {
  readonly socket: Duplex
  /** First bytes of the client, after the request's body. */
  readonly head: Buffer
}

/** One request on its way through a handler. */
export interface FakeCall {
  readonly state: FakeState
  /** What the pattern's groups matched, decoded. */
  readonly params: readonly string[]
  readonly query: URLSearchParams
  readonly request: IncomingMessage
  /** API version of the request, `1.41`. */
  readonly version: string
  /** Fires when the client goes away or the engine stops. */
  readonly signal: AbortSignal
  body(): Promise<Buffer>
  json<T>(): Promise<T>
  /** Ends the answer with a JSON value. */
  send(status: number, value?: unknown): void
  sendText(status: number, text: string, headers?: Readonly<Record<string, string>>): void
  /** Begins an answer that is written piece by piece. */
  stream(contentType: string, headers?: Readonly<Record<string, string>>): ServerResponse
  /** Leaves HTTP. @throws 400 when the client did not ask for it */
  upgrade(contentType: string): FakeUpgrade
}

export type FakeHandler = (call: FakeCall) => Promise<void> | void

/** Method, pattern of the path, handler. */
export type FakeRoute = readonly [method: string, pattern: RegExp, handler: FakeHandler]

/** The `filters` query in either of its two JSON forms. */
export function readFilters(call: FakeCall, known: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const text = call.query.get('filters')
  const found = new Map<string, readonly string[]>()
  if (text === null || text === '') return found
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new FakeError(400, 'invalid filter')
  }
  for (const [name, operands] of Object.entries(value as Record<string, readonly string[] | Record<string, boolean>>)) {
    if (!known.includes(name)) throw new FakeError(400, `invalid filter '${name}'`)
    found.set(name, Array.isArray(operands) ? operands.map(String) : Object.keys(operands))
  }
  return found
}

/** `label=a` and `label=a=b`. All must hold. */
export function hasLabels(
  labels: Readonly<Record<string, string>> | null | undefined,
  wanted: readonly string[] | undefined,
): boolean {
  return (wanted ?? []).every((text) => {
    const at = text.indexOf('=')
    const key = at === -1 ? text : text.slice(0, at)
    if (labels === null || labels === undefined || !Object.hasOwn(labels, key)) return false
    return at === -1 || labels[key] === text.slice(at + 1)
  })
}

export function isSet(call: FakeCall, name: string): boolean {
  const value = call.query.get(name)
  return value !== null && !['', '0', 'no', 'false', 'none'].includes(value.toLowerCase())
}
