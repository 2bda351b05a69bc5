import type { Buffer } from 'node:buffer'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { createExec, inspectExec, resizeExec, startExec } from '../../../engine/api/exec.ts'
import type { Engine } from '../../../engine/engine.ts'
import type { ShellRequest } from '../../driver.ts'

/** What a program inside printed and how it ended. */
export interface InsideResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program in the container to its end. */
export async function runInside(
  engine: Engine,
  id: string,
  words: readonly string[],
  clock: Clock,
  o: CallOptions,
): Promise<InsideResult> {
  const body = { Cmd: words, AttachStdout: true, AttachStderr: true, User: '0' }
  const { Id: exec } = await createExec(engine, id, body, o)
  const stream = await startExec(engine, exec, {}, o)
  const texts = { stdout: '', stderr: '' }
  for await (const piece of stream.output) texts[piece.stream] += piece.data.toString()
  return { code: await exitCode(engine, exec, clock, o), ...texts }
}

/**
 * Runs a command, or a login shell, in the container on this process's own standard streams: with a terminal when there
 * is one and no command was given, as ssh does.
 *
 * @returns its exit code
 */
export async function enterInside(
  engine: Engine,
  id: string,
  request: ShellRequest,
  env: readonly string[],
  clock: Clock,
  o: CallOptions,
): Promise<number> {
  const { stdin, stdout, stderr } = process
  const isTty = request.command.length === 0 && stdin.isTTY && stdout.isTTY
  const login = 'cd; if command -v bash > /dev/null; then exec bash -l; fi; exec sh -l'
  const text = request.command.length === 0 ? login : `cd; ${request.command.join(' ')}`
  const { Id: exec } = await createExec(
    engine,
    id,
    {
      Cmd: ['sh', '-c', text],
      Env: [...env, 'HOME=/root', 'USER=root'],
      User: '0',
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: isTty,
    },
    o,
  )
  const stream = await startExec(
    engine,
    exec,
    { tty: isTty, ...(isTty && { consoleSize: [stdout.rows, stdout.columns] as const }) },
    o,
  )
  const resize = (): void => {
    resizeExec(engine, exec, { rows: stdout.rows, columns: stdout.columns }).catch(() => undefined)
  }
  if (isTty) {
    stdin.setRawMode(true)
    stdout.on('resize', resize)
    resize()
  }
  stdin.pipe(stream.socket)
  stream.socket.on('error', () => undefined)
  try {
    for await (const piece of stream.output) await write(piece.stream === 'stderr' ? stderr : stdout, piece.data)
  } finally {
    stdin.unpipe(stream.socket)
    stdin.pause()
    if (isTty) {
      stdout.off('resize', resize)
      stdin.setRawMode(false)
    }
  }
  return exitCode(engine, exec, clock, o)
}

function write(stream: NodeJS.WriteStream, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => {
      // A reader that has gone, as of `… | head`, is no failure of the command.
      if (error !== null && error !== undefined && !('code' in error && error.code === 'EPIPE')) reject(error)
      else resolve()
    })
  })
}

/** The output may end before the engine has noted the end. */
async function exitCode(engine: Engine, exec: string, clock: Clock, o: CallOptions): Promise<number> {
  for (;;) {
    const { Running: isRunning, ExitCode: code } = await inspectExec(engine, exec, o)
    if (!isRunning && code !== null) return code
    await clock.sleep(50, o.signal)
  }
}
