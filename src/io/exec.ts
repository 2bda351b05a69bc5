import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { StringDecoder } from 'node:string_decoder'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { startDeadline, startTimer, throwIfAborted, toAbortError } from '../core/deadline.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { codeOf } from './files.ts'

/** A program and its arguments. */
export type ProgramWords = readonly [string, ...string[]]

export interface ExecOptions extends CallOptions {
  readonly clock: Clock
  readonly cwd?: string
  /** The whole environment of the program. Absent: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Written to its standard input. Absent: it reads nothing. */
  readonly input?: string | Uint8Array
  /** Most bytes kept of each output; more is read and dropped. Default 16 MiB. */
  readonly maxOutputBytes?: number
  /** Hears each line of its standard output as it comes; a carriage return ends one, too. */
  readonly onLine?: (line: string) => void
}

/** How a program ended and what it printed. */
export interface ExecResult {
  /** Its exit code; 128 plus the signal's number when a signal ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program to its end and keeps what it prints. Any exit code is a result, not an error. When the
 * call is aborted or its deadline passes the program and its children are killed.
 *
 * @throws {io/exec} when it cannot be started
 */
export async function execProgram(words: ProgramWords, o: ExecOptions): Promise<ExecResult> {
  throwIfAborted(o.signal)
  const [file, ...args] = words
  const child = attemptStart(file, () =>
    spawn(file, args, {
      ...(o.cwd === undefined ? {} : { cwd: o.cwd }),
      ...(o.env === undefined ? {} : { env: o.env }),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that the whole of it can be killed.
      detached: true,
    }),
  )
  if (o.onLine !== undefined) hearLines(child.stdout, o.onLine)
  const stdout = collect(child.stdout, o.maxOutputBytes)
  const stderr = collect(child.stderr, o.maxOutputBytes)
  // A program that ends without reading its input breaks the pipe, which its exit code tells better.
  child.stdin.on('error', () => {})
  child.stdin.end(o.input ?? '')
  const code = await waitForEnd(child, file, o)
  return { code, stdout: stdout(), stderr: stderr() }
}

/**
 * Like `execProgram`, but an exit code other than 0 rejects with the last lines the program printed.
 *
 * @returns its standard output
 * @throws {io/exec}
 */
export async function execChecked(words: ProgramWords, o: ExecOptions): Promise<string> {
  const result = await execProgram(words, o)
  if (result.code === 0) return result.stdout
  const said = (result.stderr.trim() === '' ? result.stdout : result.stderr).trim().split('\n').slice(-5).join('\n')
  throw new FlotillaError('io/exec', `${words[0]} failed with exit code ${result.code}: ${said}`)
}

/**
 * Runs a program on this process's own standard streams, terminal included.
 *
 * @returns its exit code
 * @throws {io/exec} when it cannot be started
 */
export async function execInherited(
  words: ProgramWords,
  o: Omit<ExecOptions, 'input' | 'maxOutputBytes' | 'onLine'>,
): Promise<number> {
  throwIfAborted(o.signal)
  const [file, ...args] = words
  const child = attemptStart(file, () =>
    spawn(file, args, {
      ...(o.cwd === undefined ? {} : { cwd: o.cwd }),
      ...(o.env === undefined ? {} : { env: o.env }),
      stdio: 'inherit',
    }),
  )
  return waitForEnd(child, file, o)
}

/** A line without an end is heard up to this many characters. */
const maxLineLength = 4096

function hearLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8')
  let pending = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (pending + decoder.write(chunk)).split(/[\r\n]+/)
    pending = (lines.pop() ?? '').slice(0, maxLineLength)
    for (const line of lines) if (line !== '') onLine(line)
  })
  stream.on('end', () => {
    if (pending !== '') onLine(pending)
  })
}

/** What the system says of a program, in its words; run-times have others, or none. */
const startReasons: ReadonlyMap<string, string> = new Map([
  ['E2BIG', 'argument list too long'],
  ['EACCES', 'permission denied'],
  ['ENOENT', 'no such program'],
  ['ENOEXEC', 'exec format error'],
])

/** Some reasons against a start are thrown, others arrive as an event. */
export function attemptStart<Child>(file: string, start: () => Child): Child {
  try {
    return start()
  } catch (error) {
    throw cannotRun(file, error)
  }
}

export function cannotRun(file: string, error: unknown): FlotillaError {
  const reason = startReasons.get(codeOf(error)) ?? toMessage(error)
  return new FlotillaError('io/exec', `cannot run ${file}: ${reason}`, { cause: error })
}

function collect(stream: NodeJS.ReadableStream, maxBytes: number = 16 * 1024 * 1024): () => string {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    if (size < maxBytes) chunks.push(chunk.subarray(0, maxBytes - size))
    size += chunk.length
  })
  return () => Buffer.concat(chunks).toString('utf8')
}

function waitForEnd(child: ChildProcess, file: string, o: ExecOptions): Promise<number> {
  const deadline = startDeadline(
    o.clock,
    o,
    () => new FlotillaError('core/deadline', `${file} did not end within ${o.deadlineMs} ms`),
  )
  return new Promise<number>((resolve, reject) => {
    function stop(): void {
      killTree(child)
      reject(toAbortError(deadline.signal))
    }
    deadline.signal?.addEventListener('abort', stop, { once: true })
    function settle(): void {
      deadline.signal?.removeEventListener('abort', stop)
      deadline.release()
    }
    child.once('error', (error) => {
      settle()
      reject(cannotRun(file, error))
    })
    letGoOfErrors(child, o.clock)
    child.once('close', (code, signal) => {
      settle()
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}

/** How long what was printed last may take to arrive. */
const lastWordsMs = 250

/**
 * What a program leaves running may hold on to its standard error: older ssh programs do it with the connection they
 * keep for the next command. Its end and that of its output are the end; nobody waits for the rest.
 */
export function letGoOfErrors(child: ChildProcess, clock: Clock): void {
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) return
  function wait(): void {
    // What lies in the pipe by then is read first, however late we are.
    const cancel = startTimer(clock, lastWordsMs, () => setImmediate(() => stderr?.destroy()))
    child.once('close', cancel)
  }
  child.once('exit', () => {
    if (stdout.readableEnded || stdout.destroyed) wait()
    else stdout.once('end', wait)
  })
}

/** Sends a signal, that which kills if none is given, to a child and, where it leads a process group, everything in the group. */
export function killTree(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // No group of its own, or gone already.
    child.kill(signal)
  }
}
