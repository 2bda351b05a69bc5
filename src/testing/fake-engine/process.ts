import { PassThrough } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import type { FakeProcess, FakeProgram } from './options.ts'

/** A fake process that runs. */
export interface RunningProcess {
  readonly stdin: PassThrough
  /** Resolves with the exit code; never rejects. */
  readonly exit: Promise<number>
  /** Ends it with 128 plus the signal's number, unless the signal does not kill. */
  kill(signal: string): void
}

/** What a process is started with. */
export interface ProcessStart {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly clock: Clock
  readonly programs: Readonly<Record<string, FakeProgram>>
  readonly write: FakeProcess['write']
  /** Unknown programs run until killed (a container's server), or are not found (an exec). */
  readonly isUnknownRunning: boolean
}

const signalNumbers: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  TERM: 15,
}
const harmless = new Set(['USR1', 'USR2', 'WINCH', 'CONT', 'HUP'])

export function startProcess(start: ProcessStart): RunningProcess {
  const stdin = new PassThrough()
  stdin.on('error', () => {})
  const controller = new AbortController()
  const { args, env, clock, write } = start
  const world: FakeProcess = { args, env, stdin, clock, signal: controller.signal, write }
  const killed = new Promise<number>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve(Number(controller.signal.reason)))
  })
  const ended = chooseProgram(start)(world).catch(() => 1)
  const exit = Promise.race([ended, killed]).finally(() => {
    controller.abort(0)
    stdin.destroy()
  })
  return {
    stdin,
    exit,
    kill(signal) {
      const name = signal.replace(/^SIG/, '').toUpperCase()
      if (!harmless.has(name)) controller.abort(128 + (signalNumbers[name] ?? (Number(name) || 9)))
    },
  }
}

function chooseProgram(start: ProcessStart): FakeProgram {
  const [name = ''] = start.args
  const short = name.slice(name.lastIndexOf('/') + 1)
  const own = Object.hasOwn(start.programs, short) ? start.programs[short] : undefined
  const builtin = Object.hasOwn(builtins, short) ? builtins[short] : undefined
  return own ?? builtin ?? (start.isUnknownRunning ? runForEver : refuse)
}

function runForEver(process: FakeProcess): Promise<number> {
  return new Promise((resolve) => {
    process.signal.addEventListener('abort', () => resolve(0))
  })
}

function refuse(process: FakeProcess): Promise<number> {
  process.write('stderr', `exec: "${process.args[0]}": executable file not found in $PATH\n`)
  return Promise.resolve(127)
}

const builtins: Readonly<Record<string, FakeProgram>> = {
  echo: (process) => {
    process.write('stdout', `${process.args.slice(1).join(' ')}\n`)
    return Promise.resolve(0)
  },
  cat: async (process) => {
    for await (const chunk of process.stdin) process.write('stdout', chunk)
    return 0
  },
  sleep: async (process) => {
    await process.clock.sleep(Number(process.args[1] ?? 0) * 1000, process.signal)
    return 0
  },
  true: () => Promise.resolve(0),
  false: () => Promise.resolve(1),
  sh: (process) => runShell(process),
}

/**
 * Enough of a shell for tests: statements between `;`, `&&` or newlines; `echo … [>&2]`, `exit N` and the
 * built-in programs. Anything else runs until killed.
 */
async function runShell(process: FakeProcess): Promise<number> {
  const script = process.args[1] === '-c' ? (process.args[2] ?? '') : undefined
  if (script === undefined) return (builtins['cat'] ?? runForEver)(process)
  let code = 0
  for (const statement of script.split(/;|&&|\n/)) {
    const isError = />&2/.test(statement)
    const args = (statement.replace(/>&2/g, '').match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) =>
      word.replace(/^(["'])(.*)\1$/, '$2'),
    )
    const [name] = args
    if (name === undefined) continue
    if (name === 'exit') return Number(args[1] ?? code)
    const program = Object.hasOwn(builtins, name) ? builtins[name] : undefined
    const world: FakeProcess = {
      ...process,
      args,
      write: (stream, data) => process.write(isError ? 'stderr' : stream, data),
    }
    code = await (program ?? runForEver)(world)
  }
  return code
}
