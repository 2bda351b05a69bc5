import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { Duplex } from 'node:stream'
import { FlotillaError } from '../core/errors.ts'
import { systemClock } from './clock.ts'
import type { ProgramWords } from './exec.ts'
import { attemptStart, cannotRun, killTree, letGoOfErrors } from './exec.ts'

const maxErrorText = 8 * 1024

/**
 * A program's standard streams as one Duplex: what is written is its input, what is read its output.
 * Ending it closes the input only; destroying it kills the program. A program that ends with an exit code
 * other than 0 destroys the stream with what it wrote to its standard error.
 */
export class ChildStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #words: ProgramWords
  #errorText = ''

  constructor(words: ProgramWords, env?: Readonly<Record<string, string | undefined>>) {
    super({ allowHalfOpen: true })
    this.#words = words
    const [file, ...args] = words
    // A group of its own: a Ctrl-C meant for us must not cut our connections first.
    this.#child = attemptStart(file, () =>
      spawn(file, args, { stdio: 'pipe', detached: true, ...(env === undefined ? {} : { env }) }),
    )
    this.#listen(this.#child)
  }

  #listen(child: ChildProcessWithoutNullStreams): void {
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      if (this.#errorText.length < maxErrorText) this.#errorText += chunk.toString('utf8')
    })
    // The exit code says more than the broken pipe; see below.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {})
    child.once('error', (error) => {
      this.destroy(cannotRun(this.#words[0], error))
    })
    letGoOfErrors(child, systemClock)
    child.once('close', (code, signal) => {
      if (code === 0) this.push(null)
      else if (!this.destroyed) this.destroy(this.#describeEnd(code, signal))
    })
  }

  #describeEnd(code: number | null, signal: string | null): FlotillaError {
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`
    const said = this.#errorText.trim()
    return new FlotillaError('io/exec', `${this.#words[0]} ended with ${how}${said === '' ? '' : `: ${said}`}`)
  }

  ref(): void {
    this.#child.ref()
    this.#eachPipe('ref')
  }

  /** Lets the process end although the program still runs. */
  unref(): void {
    this.#child.unref()
    this.#eachPipe('unref')
  }

  #eachPipe(name: 'ref' | 'unref'): void {
    for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      const method: unknown = Reflect.get(pipe, name)
      if (typeof method === 'function') method.call(pipe)
    }
  }

  /** Asks the program to end, as Ctrl-C on a terminal does; what it says of that can still be read. */
  interrupt(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) killTree(this.#child, 'SIGINT')
  }

  override _read(): void {
    this.#child.stdout.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // An error here is the program's end, which reports itself.
    if (this.#child.stdin.write(chunk) || this.#child.stdin.destroyed) {
      done()
      return
    }
    const stdin = this.#child.stdin
    function next(): void {
      stdin.off('drain', next)
      stdin.off('close', next)
      done()
    }
    stdin.on('drain', next)
    stdin.on('close', next)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) killTree(this.#child)
    done(error)
  }
}
