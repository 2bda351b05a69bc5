import type { CallOptions } from '../../core/call.ts'
import { createExec, inspectExec, startExec } from '../../engine/api/exec.ts'
import type { Engine } from '../../engine/engine.ts'
import type { OutputChunk } from '../../engine/streams.ts'
import type { Hook } from '../model/service.ts'

/**
 * Runs a command in a running container to its end.
 *
 * @returns its exit code
 */
export async function runInContainer(
  engine: Engine,
  id: string,
  hook: Pick<Hook, 'command' | 'user' | 'privileged' | 'working_dir' | 'environment'>,
  onOutput: (chunk: OutputChunk) => void,
  o: CallOptions,
): Promise<number> {
  const environment = Object.entries(hook.environment ?? {}).map(([key, value]) =>
    value === null ? key : `${key}=${value}`,
  )
  const exec = await createExec(
    engine,
    id,
    {
      AttachStdout: true,
      AttachStderr: true,
      Cmd: hook.command ?? [],
      ...(environment.length > 0 && { Env: environment }),
      ...(hook.user !== undefined && { User: hook.user }),
      ...(hook.privileged !== undefined && { Privileged: hook.privileged }),
      ...(hook.working_dir !== undefined && { WorkingDir: hook.working_dir }),
    },
    o,
  )
  const { output } = await startExec(engine, exec.Id, {}, o)
  for await (const chunk of output) onOutput(chunk)
  return (await inspectExec(engine, exec.Id, o)).ExitCode ?? 0
}
