import { spawn } from 'node:child_process'
import type { SpawnOptionsWithStdioTuple } from 'node:child_process'
import type { Context } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { killTree } from '../../io/exec.ts'
import { ownProgram } from '../../io/own-program.ts'
import type { Store } from '../../machine/store.ts'

/** What a command on a machine prints, as it comes. */
export type OnOutput = (stream: 'stdout' | 'stderr', text: string) => void

/**
 * Runs a command on a machine as `ssh` does, in a process of its own: it works with every driver that has a shell, also with
 * those that lend it their own streams only.
 *
 * @returns its exit code
 */
export function runOnMachine(
  ctx: Context,
  store: Store,
  name: string,
  command: readonly string[],
  onOutput: OnOutput,
): Promise<number> {
  const isNative = ctx.globals['native-ssh'] === true
  const own = ownProgram()
  // The executable is `flotilla` when called so, whatever its file is called; a script is one program only.
  const isMachine = own.length > 1 && ctx.personality.id !== 'flotilla'
  const words = ['--storage-path', store.root, ...(isNative ? ['--native-ssh'] : []), 'ssh', name, ...command]
  const [file, ...args] = [...own, ...(isMachine ? [] : ['machine']), ...words]
  const start = {
    env: ctx.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...(own.length === 1 && { argv0: 'flotilla' }),
  } satisfies SpawnOptionsWithStdioTuple<'ignore', 'pipe', 'pipe'>
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, start)
    const stop = (): void => killTree(child)
    ctx.signal.addEventListener('abort', stop, { once: true })
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8')
      child[stream].on('data', (text: string) => onOutput(stream, text))
    }
    child.once('error', (error) => reject(new FlotillaError('io/exec', toMessage(error), { cause: error })))
    child.once('close', (code, signal) => {
      ctx.signal.removeEventListener('abort', stop)
      resolve(code ?? (signal === 'SIGKILL' ? 137 : 1))
    })
  })
}
