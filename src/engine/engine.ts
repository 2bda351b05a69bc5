import type { Buffer } from 'node:buffer'
import type { Duplex, Readable } from 'node:stream'
import type { CallOptions } from '../core/call.ts'
import type { Endpoint } from './endpoint.ts'

/** Written as text; `undefined` leaves the key out, an array repeats it. */
export type QueryValue = string | number | boolean | undefined | readonly string[]

/** One call of the Docker Engine API. */
export interface EngineRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Path without version prefix, already escaped, for instance `/containers/json`. */
  readonly path: string
  /** `undefined` values are left out, arrays repeat the key. */
  readonly query?: Readonly<Record<string, QueryValue>>
  readonly headers?: Readonly<Record<string, string>>
  /**
   * A plain value is sent as JSON; bytes and streams are sent as they are (`application/x-tar` unless a header says otherwise).
   * While a stream is sent the deadline begins anew with each piece of it: what moves may take as long as it does.
   */
  readonly body?: unknown
  /** Send the path without `/vX.Y`. */
  readonly unversioned?: boolean
  /**
   * The answer has no natural end (events, followed logs, wait) or may be of any size (save, pull): the
   * deadline ends with the head of the answer, only the signal and `idleMs` end the body.
   */
  readonly stream?: boolean
  /** Of a hijack: what the connection is to speak afterwards, `h2c` for instance. Default `tcp`. */
  readonly upgradeTo?: string
  /** Most milliseconds between two pieces of the body before it fails with `engine/timeout`. */
  readonly idleMs?: number
  /**
   * Such a pause may last this long in all for as long as the engine answers other questions: it may be at work on what it
   * has. Absent: it may not.
   */
  readonly patienceMs?: number
}

/** The head of an answer and its body, which the caller must consume or destroy. */
export interface EngineReply {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Readable
  /** @throws {engine/protocol} when the body is not JSON */
  json<T>(): Promise<T>
  text(): Promise<string>
  bytes(): Promise<Buffer>
  /** One parsed value per JSON document of the stream (newline separated or back to back). Ends with the stream; destroys it when left early. */
  documents<T>(): AsyncIterable<T>
}

/** A connection that left HTTP: attach, exec, session. */
export interface Hijacked {
  /** Ending our side half-closes; the engine's remaining output still arrives. Any first bytes that came with the head are already readable. */
  readonly socket: Duplex
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /**
   * True when the engine said that output is framed (stdcopy), false when it said or implied that it is raw.
   * Engines before API 1.42 say `raw-stream` for both: there, whether the container has a TTY decides.
   */
  readonly multiplexed: boolean
}

/** Outcome of one read of several: the value, or why there is none. */
export type ReadOutcome =
  | { readonly isOk: true; readonly value: unknown }
  | { readonly isOk: false; readonly error: Error }

/** @param index which of the requests it is */
export type OnRead = (index: number, outcome: ReadOutcome) => void

/**
 * Talks the Docker Engine API to one endpoint: a single engine, or a Flotilla endpoint over many.
 *
 * Answers of status 400 and above reject with a `FlotillaError` whose message is the engine's own, whose
 * `status` is set and whose code follows the status (404 → `engine/not-found`, 409 → `engine/conflict`, …).
 * Connection failures reject with `engine/unreachable`, exceeded deadlines with `engine/timeout`; both name the endpoint.
 */
export interface Engine {
  readonly endpoint: Endpoint
  /** Whether the endpoint has said that it stands for many engines; undefined: nobody has asked it what it is. */
  readonly isFleet?: boolean | undefined
  /** The API version in use, `1.41`; negotiated on the first call from `/_ping`. */
  apiVersion(o?: CallOptions): Promise<string>
  request(r: EngineRequest, o?: CallOptions): Promise<EngineReply>
  hijack(r: EngineRequest, o?: CallOptions): Promise<Hijacked>
  /**
   * Reads several JSON documents in one go; `onAnswer` hears of each as it arrives, in order. Absent: they can only be
   * asked for one by one. The deadline is for each answer.
   *
   * Rejects as `request` does when the engine cannot be reached or says nothing more; a request it refuses is only that
   * request's failure.
   */
  readAll?(requests: readonly EngineRequest[], onAnswer: OnRead, o?: CallOptions): Promise<void>
  /** Closes idle connections and rejects what is under way. Idempotent. */
  close(): Promise<void>
}
