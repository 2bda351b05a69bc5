import type { CallOptions } from '../../core/call.ts'
import { createExec, inspectExec, startExec } from '../../engine/api/exec.ts'
import type { Engine } from '../../engine/engine.ts'
import type { OutputChunk } from '../../engine/streams.ts'
import { toExecBody } from '../translate/exec-body.ts'
import type { Command } from '../translate/exec-body.ts'

/**
 * Runs a command in a running container to its end. It reads nothing: it sees the end of its input at once.
 *
 * @param consume takes the output to its end
 * @returns what `consume` made of it, and the exit code; absent when the engine does not know it
 */
export async function runInContainer<T>(
  engine: Engine,
  id: string,
  hook: Command,
  tty: boolean,
  consume: (output: AsyncIterable<OutputChunk>) => Promise<T>,
  o: CallOptions,
): Promise<{ readonly code: number | undefined; readonly result: T }> {
  const { Id: exec } = await createExec(engine, id, toExecBody(hook, tty), o)
  const stream = await startExec(engine, exec, { tty }, o)
  stream.socket.end()
  const result = await consume(stream.output)
  const { ExitCode: code } = await inspectExec(engine, exec, o)
  return { code: code ?? undefined, result }
}
