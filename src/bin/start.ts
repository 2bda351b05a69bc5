import { constants } from 'node:os'
import process from 'node:process'
import type { Writable } from 'node:stream'
import { run } from '../cli/run.ts'
import type { Program } from '../cli/run.ts'
import type { World } from '../cli/world.ts'
import { toMessage } from '../core/errors.ts'
import { systemClock } from '../io/clock.ts'
import { currentFolder } from '../io/current-folder.ts'
import { systemRandom } from '../io/random.ts'
import { builtins } from '../plugin/builtins.generated.ts'
import { makeOpenRegistry } from '../plugin/packages.ts'
import { findPrograms } from '../plugin/programs.ts'
import type { ProgramSource } from '../plugin/programs.ts'
import { makeTerminal } from '../ui/process-terminal.ts'
import { enableCompileCache } from './compile-cache.ts'
import { compileEagerlyOnceLong } from './jit-policy.ts'
import { findPackages } from './packages.ts'
import { openInput } from './standard-input.ts'
import { isTerminal, standInFor } from './standard-stream.ts'

const otherSignals = ['SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/** Where the command line is not the process's own: that of a plugin. */
export interface StartOptions {
  readonly argv: readonly string[]
  /** `DOCKER_CONFIG` for this run. */
  readonly dockerConfig?: string
}

/** Runs a program in this process and ends it with the program's exit code. */
export async function start(program: Program, options?: StartOptions): Promise<void> {
  endOnUserSignal()
  enableCompileCache(process.env)
  compileEagerlyOnceLong(systemClock)
  const programs = findPrograms({ env: process.env, clock: systemClock })
  const failed = await armFailpoints(process.env['FLOTILLA_FAILPOINTS'])
  const world = describeProcess(programs, options)
  const code = failed ?? (await run(program, world))
  // What it was has been settled: a signal from now on is for what is left to be written.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => process.exit(code))
  await programs.close()
  await Promise.all([flush(world.stdout), flush(world.stderr)])
  process.exit(code)
}

/**
 * Node opens its debugger on SIGUSR1, by which other programs end. A command that hands signals on hears it as well, and
 * goes on.
 */
function endOnUserSignal(): void {
  if (process.platform === 'win32') return
  process.on('SIGUSR1', () => {
    if (process.listenerCount('SIGUSR1') === 1) process.exit(128 + constants.signals.SIGUSR1)
  })
}

/** For tests of what happens when the program dies in the middle. @returns the exit code when that cannot be read */
async function armFailpoints(text: string | undefined): Promise<number | undefined> {
  if (text === undefined || text === '') return undefined
  const [{ parseFailpoints }, failpoint] = await Promise.all([
    import('../core/failpoint.ts'),
    import('../io/failpoint.ts'),
  ])
  try {
    failpoint.armFailpoints(parseFailpoints(text))
    return undefined
  } catch (error) {
    process.stderr.write(`${toMessage(error)}\n`)
    return 1
  }
}

function describeProcess(programs: ProgramSource, options: StartOptions | undefined): World {
  const dockerConfig = options?.dockerConfig
  const [stdout, stderr] = openOutput()
  return {
    argv: options?.argv ?? process.argv.slice(2),
    get stdin() {
      return openInput(process.stdin)
    },
    stdout,
    stderr,
    env: dockerConfig === undefined ? process.env : { ...process.env, DOCKER_CONFIG: dockerConfig },
    cwd: currentFolder(process.env),
    clock: systemClock,
    random: systemRandom,
    terminal: makeTerminal({ stdin: lazyStdin, stdout, stderr, env: process.env }),
    plugins: makeOpenRegistry(builtins, findPackages(process.env), programs),
    onSignal(handler) {
      process.on('SIGINT', handler)
      process.on('SIGTERM', handler)
      return () => {
        process.off('SIGINT', handler)
        process.off('SIGTERM', handler)
      }
    },
    onOtherSignal(handler) {
      for (const name of otherSignals) process.on(name, handler)
      return () => {
        for (const name of otherSignals) process.off(name, handler)
      }
    },
    onUncaught(handler) {
      process.on('uncaughtException', handler)
      process.on('unhandledRejection', handler)
      return () => {
        process.off('uncaughtException', handler)
        process.off('unhandledRejection', handler)
      }
    },
  }
}

const lazyStdin = {
  get isTTY(): boolean {
    return isTerminal(0)
  },
}

function openOutput(): readonly [NodeJS.WriteStream, NodeJS.WriteStream] {
  // A console of Windows takes the bytes of UTF-8 from its stream only.
  if (process.platform === 'win32') return [process.stdout, process.stderr]
  return [standInFor(1, () => process.stdout), standInFor(2, () => process.stderr)]
}

/** Waits until a pipe has taken what was written; `process.exit` would cut it off. */
function flush(stream: Writable): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return Promise.resolve()
  return new Promise((resolve) => {
    stream.once('error', () => resolve())
    stream.write('', () => resolve())
  })
}
