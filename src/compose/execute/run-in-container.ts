import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { createExec, inspectExec, startExec } from '../../engine/api/exec.ts'
import type { Engine } from '../../engine/engine.ts'
import type { OutputChunk } from '../../engine/streams.ts'
import { toExecBody } from '../translate/exec-body.ts'
import type { Command } from '../translate/exec-body.ts'

/** A command for a container that runs. */
export interface ContainerRun {
  readonly id: string
  readonly command: Command
  readonly tty: boolean
  readonly clock: Clock
}

/** A command whose output was lost is followed for this long. */
const followMs = 600_000
/** One that has not begun when its output is lost may begin within this time. */
const beginMs = 5000

/** The pauses between two looks at it: short at first, for most are over by then. */
const firstPauseMs = 50
const longestPauseMs = 2000

/**
 * Runs a command in a running container to its end. It reads nothing: it sees the end of its input at once.
 *
 * An engine under load, or a proxy before it, may break the connection of the output while the command goes on: what
 * counts is what the engine says of the command, so it is asked until the command has ended.
 *
 * @param consume takes the output to its end
 * @returns what `consume` made of it, and the exit code; absent when the engine does not know it
 * @throws what broke the connection, when the engine does not answer or the command goes on for ten minutes more
 */
export async function runInContainer<T>(
  engine: Engine,
  run: ContainerRun,
  consume: (output: AsyncIterable<OutputChunk>) => Promise<T>,
  o: CallOptions,
): Promise<{ readonly code: number | undefined; readonly result: T }> {
  const { Id: exec } = await createExec(engine, run.id, toExecBody(run.command, run.tty), o)
  const stream = await startExec(engine, exec, { tty: run.tty }, o)
  // One that comes before the output is read, or after, is not seen there.
  let broken: unknown
  stream.socket.on('error', (error) => (broken ??= error))
  stream.socket.end()
  const result = await consume(untilBroken(stream.output, (error) => (broken ??= error)))
  o.signal?.throwIfAborted()
  return { code: await followToEnd(engine, exec, { clock: run.clock, broken }, o), result }
}

/** The output until it ends or breaks. */
async function* untilBroken(
  output: AsyncIterable<OutputChunk>,
  onBroken: (error: unknown) => void,
): AsyncGenerator<OutputChunk, void> {
  try {
    // What goes wrong where the chunks are used does not come by here: it ends this function without an error.
    yield* output
  } catch (error) {
    onBroken(error)
  }
}

/** @returns the exit code of a command whose output has ended or broken, once the engine says that it is over */
async function followToEnd(
  engine: Engine,
  exec: string,
  { clock, broken }: { readonly clock: Clock; readonly broken: unknown },
  o: CallOptions,
): Promise<number | undefined> {
  const startMs = clock.monotonicMs()
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const { Running: isRunning, ExitCode: code } = await inspectExec(engine, exec, o).catch((error: unknown) => {
      throw o.signal?.aborted === true ? error : (broken ?? error)
    })
    // Neither running nor ended: the connection broke before the engine began, which it may still do.
    const isUnbegun = !isRunning && broken !== undefined && typeof code !== 'number'
    if (!isRunning && !isUnbegun) return code ?? undefined
    if (clock.monotonicMs() - startMs >= (isUnbegun ? beginMs : followMs)) {
      if (broken !== undefined) throw broken
      return undefined
    }
    await clock.sleep(pauseMs, o.signal)
  }
}
