import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Context } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { killTree } from '../../io/exec.ts'
import { ownProgram } from '../../io/own-program.ts'
import type { ShellRun } from '../../machine/copy/shell-end.ts'
import type { Store } from '../../machine/store.ts'

/** What a command on a machine prints, as it comes. */
export type OnOutput = (stream: 'stdout' | 'stderr', text: string) => void

interface PipedChild extends ChildProcess {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
}

/**
 * Starts a command on a machine as `ssh` does, in a process of its own: it works with every driver that has a shell, also with
 * those that lend it their own streams only.
 */
function spawnOnMachine(
  ctx: Context,
  store: Store,
  name: string,
  command: readonly string[],
  stdin: 'ignore' | 'pipe',
): PipedChild {
  const isNative = ctx.globals['native-ssh'] === true
  const own = ownProgram()
  // The executable is `flotilla` when called so, whatever its file is called; a script is one program only.
  const isMachine = own.length > 1 && ctx.personality.id !== 'flotilla'
  const words = ['--storage-path', store.root, ...(isNative ? ['--native-ssh'] : []), 'ssh', name, ...command]
  const [file, ...args] = [...own, ...(isMachine ? [] : ['machine']), ...words]
  return spawn(file, args, {
    env: ctx.env,
    stdio: [stdin, 'pipe', 'pipe'],
    detached: true,
    ...(own.length === 1 && { argv0: 'flotilla' }),
  }) as PipedChild
}

/**
 * Runs a command on a machine as `ssh` does, with nothing to read.
 *
 * @param stop ends it; absent: that of this command
 * @returns its exit code
 */
export function runOnMachine(
  ctx: Context,
  store: Store,
  name: string,
  command: readonly string[],
  onOutput: OnOutput,
  stop: AbortSignal = ctx.signal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawnOnMachine(ctx, store, name, command, 'ignore')
    const end = (): void => killTree(child)
    if (stop.aborted) end()
    stop.addEventListener('abort', end, { once: true })
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8')
      child[stream].on('data', (text: string) => onOutput(stream, text))
    }
    child.once('error', (error) => reject(new FlotillaError('io/exec', toMessage(error), { cause: error })))
    child.once('close', (code, signal) => {
      stop.removeEventListener('abort', end)
      resolve(code ?? (signal === 'SIGKILL' ? 137 : 1))
    })
  })
}

/** Most that is kept of what a command says while files are copied. */
const maxSaidBytes = 64 * 1024

/** Starts a command on a machine whose streams are for programs to read and write. */
export function startOnMachine(ctx: Context, store: Store, name: string, command: string): ShellRun {
  const child = spawnOnMachine(ctx, store, name, [command], 'pipe')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-maxSaidBytes)
  })
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    kill: () => killTree(child),
    ended: new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: 127, stderr: toMessage(error) }))
      child.once('close', (code) => resolve({ code: code ?? 137, stderr: said }))
    }),
  }
}
