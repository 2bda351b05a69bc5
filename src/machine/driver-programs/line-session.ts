import { basename } from 'node:path'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { raceAbort, startTimer, throwIfAborted, toAbortError } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { renderExactJson } from '../../core/exact-json.ts'
import type { JsonObject, JsonValue } from '../../core/exact-json.ts'
import { goQuote } from '../../core/goquote.ts'
import type { Log } from '../../core/log.ts'
import { startLineProgram } from '../../io/line-program.ts'
import type { LineProgram } from '../../io/line-program.ts'
import { parseMessage } from './line-messages.ts'
import type { LineMessage } from './line-messages.ts'

export interface LineRequest {
  readonly method: string
  /** Further members of the request. */
  readonly members?: JsonObject
  readonly log: Log
  /** Told of each new state the program reports, also in the middle of the work. */
  readonly onConfig?: (config: JsonObject) => void
  /** Longest time without a word about this request. */
  readonly silenceMs: number
}

export interface LineSession {
  /**
   * Sends a request and waits for its answer. One that is given up is cancelled; a program that does not answer to
   * that either is ended.
   *
   * @throws {machine/driver} with the program's own text, or naming program and method
   */
  call(request: LineRequest, o: CallOptions): Promise<JsonValue>
  isOver(): boolean
  close(): Promise<void>
}

interface Pending {
  readonly request: LineRequest
  readonly resolve: (result: JsonValue) => void
  readonly reject: (error: unknown) => void
  /** Starts the wait for the next word anew. */
  readonly touch: () => void
}

const cancelGraceMs = 5000
const closeGraceMs = 2000

/** Starts a driver program, which answers requests, a line each, until its input ends. */
export function openLineSession(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): LineSession {
  return new RunningProgram(path, env, clock)
}

class RunningProgram implements LineSession {
  readonly #name: string
  readonly #clock: Clock
  readonly #program: LineProgram
  readonly #pending = new Map<number, Pending>()
  readonly #lastWords: string[] = []
  #nextId = 1
  #isOver = false
  #fault: FlotillaError | undefined

  constructor(path: string, env: Readonly<Record<string, string | undefined>>, clock: Clock) {
    this.#name = basename(path).replace(/\.(?:exe|cmd)$/i, '')
    this.#clock = clock
    this.#program = startLineProgram([path], {
      clock,
      env: { ...env, FLOTILLA_DRIVER_PROTOCOL: '1' },
      onStdout: (line) => this.#receive(line),
      onStderr: (line) => this.#hear(line),
    })
    void this.#program.ended.then((end) => this.#finish(end))
  }

  isOver(): boolean {
    return this.#isOver
  }

  async call(request: LineRequest, o: CallOptions): Promise<JsonValue> {
    throwIfAborted(o.signal)
    if (this.#isOver) throw this.#fault ?? this.#error('it has ended')
    const id = this.#nextId
    this.#nextId += 1
    let stopTimer = (): void => {}
    const touch = (): void => {
      stopTimer()
      stopTimer = startTimer(this.#clock, request.silenceMs, () =>
        this.#fail(this.#error(`no word about ${request.method} for ${request.silenceMs / 1000} s`)),
      )
    }
    const answer = new Promise<JsonValue>((resolve, reject) => {
      this.#pending.set(id, { request, resolve, reject, touch })
    })
    touch()
    this.#program.writeLine(renderExactJson({ id, method: request.method, ...request.members }))
    try {
      return await raceAbort(o.signal, () => answer)
    } catch (error) {
      if (o.signal?.aborted === true) await this.#cancel(id, answer)
      throw o.signal?.aborted === true ? toAbortError(o.signal) : error
    } finally {
      stopTimer()
      this.#pending.delete(id)
    }
  }

  /** Waits for the answer to a cancelled request, for the state it may carry. */
  async #cancel(id: number, answer: Promise<JsonValue>): Promise<void> {
    this.#program.writeLine(renderExactJson({ cancel: id }))
    const stop = new AbortController()
    const late = this.#clock.sleep(cancelGraceMs, stop.signal).then(
      () => 'late',
      () => 'stopped',
    )
    const outcome = await Promise.race([
      answer.then(
        () => 'answered',
        () => 'answered',
      ),
      late,
    ])
    stop.abort()
    if (outcome === 'late') this.#fail(this.#error('it does not react to a cancelled request'))
  }

  async close(): Promise<void> {
    this.#isOver = true
    this.#program.closeInput()
    await Promise.race([this.#program.ended, this.#clock.sleep(closeGraceMs)])
    this.#program.terminate()
    await Promise.race([this.#program.ended, this.#clock.sleep(closeGraceMs)])
    this.#program.kill()
    await this.#program.ended
  }

  #receive(line: string): void {
    if (line.trim() === '' || this.#fault !== undefined) return
    let message: LineMessage
    try {
      message = parseMessage(line)
    } catch (error) {
      const shown = goQuote(line.slice(0, 200))
      this.#fail(this.#error(`its output has the line ${shown}: ${toMessage(error)}`, error))
      return
    }
    const pending = this.#pending.get(message.id)
    // An answer to what was given up.
    if (pending === undefined) return
    pending.touch()
    if (message.log !== undefined) pending.request.log[message.log.level](message.log.message)
    if (message.config !== undefined) pending.request.onConfig?.(message.config)
    if (message.error !== undefined) pending.reject(toDriverError(message.error))
    else if (message.result !== undefined) pending.resolve(message.result)
  }

  /** What it prints beside answers belongs to no request; the one that runs alone is the likely one. */
  #hear(line: string): void {
    this.#lastWords.push(line.slice(0, 500))
    if (this.#lastWords.length > 20) this.#lastWords.shift()
    const [first] = this.#pending.values()
    first?.request.log.debug(line)
  }

  #finish(end: string): void {
    this.#isOver = true
    const words = this.#lastWords.findLast((line) => line.trim() !== '')
    const said = words === undefined ? '' : `: ${words.trim()}`
    for (const { request, reject } of this.#pending.values()) {
      reject(this.#fault ?? this.#error(`it ended in the middle of ${request.method}: ${end}${said}`))
    }
  }

  #fail(error: FlotillaError): void {
    this.#fault ??= error
    this.#isOver = true
    this.#program.kill()
    for (const { reject } of this.#pending.values()) reject(error)
  }

  #error(problem: string, cause?: unknown): FlotillaError {
    const text = `driver program ${goQuote(this.#name)}: ${problem}`
    return new FlotillaError('machine/driver', text, cause === undefined ? {} : { cause })
  }
}

function toDriverError(error: NonNullable<LineMessage['error']>): FlotillaError {
  if (error.code === 'not-running') return new FlotillaError('machine/state', 'Host is not running')
  return new FlotillaError('machine/driver', error.message, error.hint === undefined ? {} : { hint: error.hint })
}
