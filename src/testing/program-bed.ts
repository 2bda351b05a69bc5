import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { run } from '../cli/run.ts'
import type { Program } from '../cli/run.ts'
import type { SignalName, World } from '../cli/world.ts'
import { renderEndpoint } from '../engine/endpoint-parse.ts'
import { systemClock } from '../io/clock.ts'
import { systemRandom } from '../io/random.ts'
import { makeRegistry } from '../plugin/make-registry.ts'
import type { Terminal } from '../ui/terminal.ts'
import { startFakeEngine } from './fake-engine/fake-engine.ts'
import type { FakeEngine, FakeEngineOptions } from './fake-engine/fake-engine.ts'

/** A command line that runs in this process. */
export interface RunningProgram {
  readonly stdout: string
  readonly stderr: string
  readonly stdin: PassThrough
  /** Exit code. */
  readonly code: Promise<number>
  signal(name: SignalName): void
}

/** A folder with files and a fake engine, and a program that works on them. `close` must be called. */
export interface ProgramBed {
  readonly engine: FakeEngine
  readonly folder: string
  write(name: string, text: string): Promise<void>
  start(...argv: readonly string[]): RunningProgram
  /** Runs a command line to its end. */
  run(...argv: readonly string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>
  close(): Promise<void>
}

const noTerminal: Terminal = {
  isTty: false,
  isStderrTty: false,
  isStdinTty: false,
  columns: () => 80,
  rows: () => 24,
  colorDepth: 0,
  onResize: () => () => {},
}

export async function startProgramBed(
  program: Program,
  options: FakeEngineOptions = {},
  variables: Readonly<Record<string, string>> = {},
): Promise<ProgramBed> {
  const engine = await startFakeEngine(options)
  const folder = await mkdtemp(join(tmpdir(), 'program-bed-'))
  const env = { HOME: folder, DOCKER_HOST: renderEndpoint(engine.endpoint), ...variables }
  function start(...argv: readonly string[]): RunningProgram {
    const sent = { stdout: '', stderr: '' }
    const handlers = new Set<(name: SignalName) => void>()
    const stdin = new PassThrough()
    const world: World = {
      argv,
      stdin,
      stdout: collect(sent, 'stdout'),
      stderr: collect(sent, 'stderr'),
      env,
      cwd: folder,
      clock: systemClock,
      random: systemRandom,
      terminal: noTerminal,
      plugins: makeRegistry(),
      onSignal(handler) {
        handlers.add(handler)
        return () => handlers.delete(handler)
      },
      onUncaught: () => () => {},
    }
    return {
      get stdout() {
        return sent.stdout
      },
      get stderr() {
        return sent.stderr
      },
      stdin,
      code: run(program, world),
      signal(name) {
        for (const handler of handlers) handler(name)
      },
    }
  }
  return {
    engine,
    folder,
    write: (name, text) => writeFile(join(folder, name), text),
    start,
    async run(...argv) {
      const running = start(...argv)
      running.stdin.end()
      const code = await running.code
      return { code, stdout: running.stdout, stderr: running.stderr }
    },
    async close() {
      await engine.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function collect(sent: { stdout: string; stderr: string }, name: 'stdout' | 'stderr'): Writable {
  return new Writable({
    write(piece: Buffer, _encoding, done) {
      sent[name] += piece.toString()
      done()
    },
  })
}
