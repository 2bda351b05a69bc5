import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { makeDetachScanner } from '../../engine/detach-keys.ts'
import type { AttachedStream } from '../../engine/streams.ts'
import { makeRaw } from '../../io/raw-terminal.ts'
import { untilDrained } from '../../ui/room.ts'

/** How the streams of a process are joined to ours. */
export interface JoinOptions {
  readonly hasStdin: boolean
  /** The process has a terminal: ours is made raw, if it is one, and its size handed on. */
  readonly isTty: boolean
  /** Bytes that, typed in order, leave the process alone. Only with a terminal. */
  readonly detachKeys: Uint8Array
  /** Tells the process's terminal its size. */
  readonly resize: (size: { readonly rows: number; readonly columns: number }) => Promise<void>
}

/**
 * Copies our standard input to a process and its output to ours, until the output ends or the detach keys are typed.
 * The end of our input closes the input of the process and leaves its output open.
 *
 * @returns why it ended; the terminal is as it was before
 */
export async function joinStreams(
  ctx: Context,
  stream: AttachedStream,
  options: JoinOptions,
): Promise<'ended' | 'detached'> {
  const undo: (() => void)[] = []
  let detach: () => void = () => {}
  const detached = new Promise<'detached'>((resolve) => {
    detach = () => resolve('detached')
  })
  try {
    if (options.isTty && ctx.terminal.isStdinTty && options.hasStdin) undo.push(await makeRaw(ctx.stdin, ctx.env))
    if (options.isTty && (ctx.terminal.isTty || ctx.terminal.isStderrTty)) undo.push(followSize(ctx, options))
    if (options.hasStdin) undo.push(feed(ctx, stream, options, detach))
    const printing = printOutput(ctx, stream)
    // Whoever detaches loses interest in how the output ends.
    printing.catch(() => {})
    return await Promise.race([printing, detached])
  } finally {
    for (const step of undo.toReversed()) step()
    stream.socket.destroy()
  }
}

const sizeAttempts = 10
const firstSizePauseMs = 20
const longestSizePauseMs = 500

/** The first size may come before the process has a terminal: it is told again until it is taken. */
function followSize(ctx: Context, { resize }: JoinOptions): () => void {
  const over = new AbortController()
  const send = async (): Promise<void> => {
    let pauseMs = firstSizePauseMs
    for (let attempt = 0; attempt < sizeAttempts && !over.signal.aborted; attempt += 1) {
      const isTaken = await resize({ rows: ctx.terminal.rows(), columns: ctx.terminal.columns() }).then(
        () => true,
        () => false,
      )
      if (isTaken) return
      await ctx.clock.sleep(pauseMs, over.signal).catch(() => {})
      pauseMs = Math.min(pauseMs * 2, longestSizePauseMs)
    }
  }
  void send()
  const stop = ctx.terminal.onResize(() => void send())
  return () => {
    over.abort()
    stop()
  }
}

/** Copies our input, no faster than it is taken. @returns the way to stop */
function feed(ctx: Context, { socket }: AttachedStream, options: JoinOptions, detach: () => void): () => void {
  const { stdin } = ctx
  const scanner = options.isTty ? makeDetachScanner(options.detachKeys) : undefined
  const resume = (): void => void stdin.resume()
  const onData = (data: Uint8Array): void => {
    const { forward, isDetached } = scanner?.push(data) ?? { forward: data, isDetached: false }
    if (forward.length > 0 && socket.writable && !socket.write(forward)) {
      stdin.pause()
      socket.once('drain', resume)
    }
    if (isDetached) detach()
  }
  const onEnd = (): void => void socket.end()
  stdin.on('data', onData)
  stdin.once('end', onEnd)
  // An input that cannot be read (a closed descriptor) is an empty one.
  stdin.once('error', onEnd)
  return () => {
    stdin.off('data', onData)
    stdin.off('end', onEnd)
    socket.off('drain', resume)
    stdin.pause()
  }
}

async function printOutput(ctx: Context, { output }: AttachedStream): Promise<'ended'> {
  for await (const { stream, data } of output) {
    const target = stream === 'stderr' ? ctx.stderr : ctx.stdout
    if (!target.write(data)) await untilDrained(target)
  }
  return 'ended'
}

/** A terminal that is asked for and not there. @throws {cli/usage} in docker's words */
export function checkTerminal(ctx: Context, isTty: boolean, hasStdin: boolean): void {
  if (isTty && hasStdin && !ctx.terminal.isStdinTty) {
    throw new FlotillaError('cli/usage', 'the input device is not a TTY')
  }
}
