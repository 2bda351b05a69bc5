import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { raceAbort, startDeadline, throwIfAborted, toAbortError, withDeadline } from '../core/deadline.ts'
import type { Deadline } from '../core/deadline.ts'
import { FlotillaError } from '../core/errors.ts'
import type { HttpConnection, HttpResponse } from '../io/http/connection.ts'
import { HttpPool } from '../io/http/pool.ts'
import type { HttpRequest } from '../io/http/request.ts'
import type { ResponseHead } from '../io/http/response-parser.ts'
import { renderEndpoint } from './endpoint-parse.ts'
import type { Endpoint } from './endpoint.ts'
import type { Engine, EngineReply, EngineRequest, Hijacked, OnRead } from './engine.ts'
import { toFirstError } from './first-error.ts'
import { isEngineDown, makeTimeout, maxMessageBytes, toEngineError, toStatusError } from './errors.ts'
import { watchIdle } from './idle.ts'
import type { IdleLimits } from './idle.ts'
import { Negotiation } from './negotiation.ts'
import { readAll } from './read-all.ts'
import { defaultAnswerLimits, makeReply } from './reply.ts'
import type { AnswerLimits } from './reply.ts'
import { openTransport } from './transport/open.ts'
import { WholeAnswers } from './whole-answers.ts'
import { followSource, isSource, makeSender, toHttpRequest } from './wire.ts'
import type { Sender } from './wire.ts'

/** What a client needs besides the endpoint. */
export interface EngineOptions {
  readonly clock: Clock
  /** For instance `flotilla/0.1.0 (linux)`. */
  readonly userAgent: string
  /** Pins the API version (`DOCKER_API_VERSION`), which leaves out negotiation. */
  readonly apiVersion?: string
  /** Limit for opening a connection, TLS handshake included. Default 10 s. */
  readonly connectDeadlineMs?: number
  /** Largest answer that is read as a whole. Default 256 MiB. */
  readonly maxAnswerBytes?: number
  /** Deepest nesting of JSON in an answer. Default 128. */
  readonly maxJsonDepth?: number
  /** Idle connections kept for reuse; a function is asked when one comes free. Default 16. */
  readonly maxIdleConnections?: number | (() => number)
  /** Environment for the `ssh` that an ssh endpoint starts; its PATH is searched. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Sent with each request: a proof of who asks, for instance. */
  readonly headers?: Readonly<Record<string, string>>
}

const defaultConnectMs = 10_000
/** ssh starts a program, asks for keys and starts another on the far side. */
const negotiationMs = 40_000
/** sshd refuses clients at random when more than about ten knock at once (MaxStartups). */
const maxSshOpening = 4
/** What a login takes; that it is over shows with the first answer only, and some answers take long. */
const sshLoginMs = 3000
/** An engine at work answers a ping within this. */
const probeMs = 10_000

/**
 * A client for one endpoint. Connects on first use; keeps connections alive for reuse without keeping the
 * process alive. The caller closes it.
 */
export function openEngine(endpoint: Endpoint, options: EngineOptions): Engine {
  return new EngineClient(endpoint, options)
}

class EngineClient implements Engine {
  readonly endpoint: Endpoint
  readonly #options: EngineOptions
  readonly #answers: AnswerLimits
  readonly #pool: HttpPool
  readonly #sender: Sender
  readonly #negotiation: Negotiation
  #mayJoin = true
  /** Whether this endpoint has ever answered. */
  #isKnown = false
  #isFleet: boolean | undefined

  constructor(endpoint: Endpoint, options: EngineOptions) {
    this.endpoint = endpoint
    this.#options = options
    const { bytes, depth } = defaultAnswerLimits
    this.#answers = { bytes: options.maxAnswerBytes ?? bytes, depth: options.maxJsonDepth ?? depth }
    this.#negotiation = new Negotiation(endpoint, options.apiVersion, () => this.#askVersion())
    this.#sender = makeSender(endpoint, options.userAgent, options.headers)
    this.#pool = new HttpPool({
      clock: options.clock,
      open: (signal) => this.#connect(signal),
      ...(options.maxIdleConnections === undefined ? {} : { maxIdle: options.maxIdleConnections }),
      ...(endpoint.kind === 'ssh' ? { maxOpening: maxSshOpening, settleMs: sshLoginMs } : {}),
    })
  }

  get isFleet(): boolean | undefined {
    return this.#isFleet
  }

  apiVersion(o: CallOptions = {}): Promise<string> {
    const { version } = this.#negotiation
    if (version !== undefined) return Promise.resolve(version)
    // One question for all who wait; each may give up by itself.
    const settled = this.#negotiation.settle()
    return withDeadline(
      this.#options.clock,
      o,
      () => settled,
      () => makeTimeout(this.endpoint, 'GET /_ping', o.deadlineMs),
    )
  }

  async request(r: EngineRequest, o: CallOptions = {}): Promise<EngineReply> {
    const deadline = startDeadline(this.#options.clock, o, () =>
      makeTimeout(this.endpoint, `${r.method} ${r.path}`, o.deadlineMs),
    )
    try {
      const asked = isSource(r.body) ? { ...r, body: followSource(r.body, () => deadline.renew()) } : r
      const http = await this.#prepare(asked, deadline.signal)
      const { response, connection } = await this.#exchange(http, deadline.signal)
      if (response.head.status >= 400) throw await this.#readError(response)
      return this.#hand(r, o, deadline, { response, connection })
    } catch (error) {
      deadline.release()
      // Whoever feeds the stream must not wait for a reader that never comes.
      if (isSource(r.body)) r.body.destroy?.()
      throw await this.#toError(error)
    }
  }

  async hijack(r: EngineRequest, o: CallOptions = {}): Promise<Hijacked> {
    const deadline = startDeadline(this.#options.clock, o, () =>
      makeTimeout(this.endpoint, `${r.method} ${r.path}`, o.deadlineMs),
    )
    try {
      const http = {
        ...(await this.#prepare(r, deadline.signal)),
        isUpgrade: true,
        ...(r.upgradeTo !== undefined && { upgradeTo: r.upgradeTo }),
      }
      // Never one that was idle: a request that must not be sent twice cannot be tried again.
      const connection = await this.#pool.open(deadline.signal)
      const answer = await guard(connection, deadline.signal, () => connection.sendUpgrade(http, isRaw))
      this.#isKnown = true
      if (!('socket' in answer)) {
        if (answer.head.status >= 400) throw await guard(connection, deadline.signal, () => this.#readError(answer))
        connection.destroy(new FlotillaError('core/aborted', 'the answer is of no use'))
        throw new FlotillaError('io/protocol', `it answered ${answer.head.status} instead of switching protocols`)
      }
      followSignal(answer.socket, o.signal)
      const { status, headers } = answer.head
      return { socket: answer.socket, status, headers, multiplexed: isMultiplexed(answer.head) }
    } catch (error) {
      throw await this.#toError(error)
    } finally {
      deadline.release()
    }
  }

  async readAll(requests: readonly EngineRequest[], onAnswer: OnRead, o: CallOptions = {}): Promise<void> {
    const describe = (index: number): string => `${requests[index]?.method} ${requests[index]?.path}`
    const answers = new WholeAnswers({
      endpoint: this.endpoint,
      limits: this.#answers,
      onRead: onAnswer,
      toStatusError: (head, body) => this.#toStatusError(head, body),
    })
    try {
      const http: HttpRequest[] = []
      for (const request of requests) http.push(await this.#prepare(request, o.signal))
      await readAll({
        clock: this.#options.clock,
        call: o,
        requests: http,
        maxBytes: this.#answers.bytes,
        mayJoin: () => this.#mayJoin,
        onSilence: () => {
          this.#mayJoin = false
        },
        takeIdle: () => this.#pool.takeIdle(),
        open: () => this.#pool.open(o.signal),
        makeTimeout: (index) => makeTimeout(this.endpoint, describe(index), o.deadlineMs),
        onAnswer: (index, answer) => {
          this.#isKnown = true
          this.#negotiation.learn(answer.head)
          answers.take(index, answer)
        },
        onFailure: (index, error) => answers.fail(index, error),
      })
    } catch (error) {
      throw await this.#toError(error)
    } finally {
      await answers.told()
    }
  }

  close(): Promise<void> {
    this.#pool.close()
    return Promise.resolve()
  }

  async #prepare(r: EngineRequest, signal: AbortSignal | undefined): Promise<HttpRequest> {
    throwIfAborted(signal)
    const isVersioned = r.unversioned !== true
    if (isVersioned && this.#negotiation.version === undefined)
      await this.apiVersion(signal === undefined ? {} : { signal })
    return toHttpRequest(this.#sender, r, this.#negotiation.version)
  }

  /** One exchange; a question that a stale connection swallowed is asked once more on a new one. */
  async #exchange(
    http: HttpRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ response: HttpResponse; connection: HttpConnection }> {
    const idle = this.#pool.takeIdle()
    if (idle !== undefined) {
      try {
        return { response: await guard(idle, signal, () => idle.send(http)), connection: idle }
      } catch (error) {
        const isRepeatable = (http.method === 'GET' || http.method === 'HEAD') && http.body === undefined
        if (!isRepeatable || idle.hasAnswered || signal?.aborted === true) throw error
      }
    }
    const connection = await this.#pool.open(signal)
    const response = await guard(connection, signal, () => connection.send(http))
    this.#isKnown = true
    return { response, connection }
  }

  /** Makes the reply and ties the life of its body to the limits of the call. */
  #hand(
    r: EngineRequest,
    o: CallOptions,
    deadline: Deadline,
    { response, connection }: { readonly response: HttpResponse; readonly connection: HttpConnection },
  ): EngineReply {
    const { body } = response
    const signal = r.stream === true ? o.signal : deadline.signal
    if (r.stream === true) deadline.release()
    function stop(): void {
      body.fail(toAbortError(signal))
      connection.destroy(toAbortError(signal))
    }
    const stopIdle =
      r.idleMs === undefined
        ? undefined
        : watchIdle(this.#options.clock, body, this.#toIdleLimits(r, r.idleMs), (silentMs) => {
            const error = new FlotillaError(
              'engine/timeout',
              `engine "${renderEndpoint(this.endpoint)}" sent nothing for ${silentMs} ms after ${r.method} ${r.path}`,
            )
            body.fail(error)
            connection.destroy(error)
          })
    const reply = makeReply(this.endpoint, response, this.#answers)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
    body.onClosed(() => {
      signal?.removeEventListener('abort', stop)
      stopIdle?.()
      deadline.release()
    })
    return reply
  }

  #toIdleLimits({ patienceMs = 0 }: EngineRequest, idleMs: number): IdleLimits {
    const isAlive = async (): Promise<boolean> => {
      try {
        const reply = await this.request({ method: 'GET', path: '/_ping', unversioned: true }, { deadlineMs: probeMs })
        await reply.bytes()
        return true
      } catch (error) {
        return !isEngineDown(error)
      }
    }
    return { idleMs, patienceMs, isAlive }
  }

  #toError(error: unknown): Error | Promise<Error> {
    return this.#isKnown
      ? toEngineError(this.endpoint, error)
      : toFirstError(this.endpoint, error, this.#options.clock.nowMs())
  }

  async #readError(response: HttpResponse): Promise<FlotillaError> {
    const { head, body } = response
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body.stream as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes >= maxMessageBytes) break
    }
    return this.#toStatusError(head, Buffer.concat(chunks))
  }

  #toStatusError(head: ResponseHead, body: Buffer): FlotillaError {
    const error = toStatusError(this.endpoint, head, body)
    if (error.code === 'engine/version') this.#negotiation.forget()
    return error
  }

  #connect(signal: AbortSignal | undefined): Promise<Duplex> {
    const { clock, env, connectDeadlineMs: ms = defaultConnectMs } = this.#options
    const makeError = (): Error => new FlotillaError('io/connect', `no connection within ${ms} ms`)
    return openTransport(this.endpoint, signal, env, { clock, ms, makeError })
  }

  async #askVersion(): Promise<string | undefined> {
    const reply = await this.request(
      { method: 'GET', path: '/_ping', unversioned: true },
      { deadlineMs: negotiationMs },
    )
    await reply.bytes()
    const { server } = reply.headers
    this.#isFleet = typeof server === 'string' && server.startsWith('swarm/')
    const header = reply.headers['api-version']
    return typeof header === 'string' && header !== '' ? header : undefined
  }
}

/** Runs an exchange that ends with its connection when the signal fires. */
async function guard<T>(
  connection: HttpConnection,
  signal: AbortSignal | undefined,
  body: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return body()
  return raceAbort(signal, body).catch((error: unknown) => {
    if (signal.aborted) connection.destroy(toAbortError(signal))
    throw error
  })
}

function followSignal(socket: Duplex, signal: AbortSignal | undefined): void {
  if (signal === undefined) return
  function stop(): void {
    socket.destroy(toAbortError(signal))
  }
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  socket.once('close', () => signal.removeEventListener('abort', stop))
}

/** 101 from every engine since 1.8; older ones and some proxies answer 200 and go on raw all the same. */
function isRaw(head: ResponseHead): boolean {
  if (head.status === 101) return true
  const type = head.headers['content-type'] ?? ''
  return head.status === 200 && head.isUntilClose && type.startsWith('application/vnd.docker.')
}

function isMultiplexed(head: ResponseHead): boolean {
  return head.headers['content-type'] === 'application/vnd.docker.multiplexed-stream'
}
