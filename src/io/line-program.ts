import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import process from 'node:process'
import { StringDecoder } from 'node:string_decoder'
import type { Readable } from 'node:stream'
import type { Clock } from '../core/clock.ts'
import { toMessage } from '../core/errors.ts'
import type { ProgramWords } from './exec.ts'
import { killTree } from './exec.ts'
import { codeOf } from './files.ts'

export interface LineProgramOptions {
  readonly clock: Clock
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Called for each line of its output, without the line break. */
  readonly onStdout: (line: string) => void
  readonly onStderr: (line: string) => void
}

/** A program that talks in lines for as long as we need it. */
export interface LineProgram {
  /** Writes a line to its input; dropped when the program is gone. */
  writeLine(line: string): void
  /** Tells it that no more input comes. */
  closeInput(): void
  /** Asks it to end. */
  terminate(): void
  /** Ends it and what it started. Idempotent. */
  kill(): void
  /** How it ended, once all its output was handed over: `exit code 2`, `signal SIGKILL`, `no such program`. Never rejects. */
  readonly ended: Promise<string>
}

/** A line longer than this is handed over in pieces. */
const maxLineLength = 16 * 1024 * 1024
const outputGraceMs = 500

/**
 * Starts a program in a process group of its own, so that Ctrl-C reaches us and not it. It is killed when this process
 * ends in any way that runs code.
 */
export function startLineProgram(words: ProgramWords, options: LineProgramOptions): LineProgram {
  const [file, ...args] = words
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: options.env })
  const kill = (): void => {
    if (child.exitCode === null && child.signalCode === null) killTree(child)
  }
  makeRoomForListener()
  process.on('exit', kill)
  passLines(child.stdout, options.onStdout)
  passLines(child.stderr, options.onStderr)
  // Its end says more than the broken pipe.
  child.stdin.on('error', () => {})
  const ended = waitForEnd(child, options.clock).finally(() => process.off('exit', kill))
  return {
    writeLine: (line) => void child.stdin.write(`${line}\n`),
    closeInput: () => void child.stdin.end(),
    terminate: () => void child.kill('SIGTERM'),
    kill,
    ended,
  }
}

/** Node takes more than ten for a leak. */
function makeRoomForListener(): void {
  process.setMaxListeners(Math.max(process.getMaxListeners(), process.listenerCount('exit') + 10))
}

/** The end, and what was printed before it. What the program started and left behind may hold on to its output. */
function waitForEnd(child: ChildProcess, clock: Clock): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(codeOf(error) === 'ENOENT' ? 'no such program' : toMessage(error)))
    child.once('close', (code, signal) => resolve(describeEnd(code, signal)))
    child.once('exit', (code, signal) => {
      void clock.sleep(outputGraceMs).then(() => {
        for (const stream of [child.stdout, child.stderr]) stream?.destroy()
        resolve(describeEnd(code, signal))
      })
    })
  })
}

function describeEnd(code: number | null, signal: string | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`
}

function passLines(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8')
  // Pieces are joined only at a line break: a long line in many pieces costs no more than its length.
  let pieces: string[] = []
  let length = 0
  function finish(last: string): void {
    const line = pieces.length === 0 ? last : pieces.join('') + last
    pieces = []
    length = 0
    onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
  }
  stream.on('data', (bytes: Buffer) => {
    const [first = '', ...more] = decoder.write(bytes).split('\n')
    let rest = first
    for (const next of more) {
      finish(rest)
      rest = next
    }
    pieces.push(rest)
    length += rest.length
    if (length > maxLineLength) finish('')
  })
  stream.on('end', () => {
    if (length > 0) finish(decoder.end())
  })
  stream.on('error', () => {})
}
