import type { ExecCreateBody } from '../../engine/api/types-resource.ts'
import type { Hook } from '../model/service.ts'
import { toEnvironment } from './environment.ts'

/** What is run inside a container: a hook, or what a watch rule asks for. */
export type Command = Pick<Hook, 'command' | 'user' | 'privileged' | 'working_dir' | 'environment'>

/** The create body of a command in a running container, whose output is read and whose input is empty. */
export function toExecBody(command: Command, tty: boolean): ExecCreateBody {
  return {
    AttachStdout: true,
    AttachStderr: true,
    Tty: tty,
    Cmd: command.command ?? [],
    Env: toEnvironment(command.environment),
    ...(command.user !== undefined && { User: command.user }),
    ...(command.privileged === true && { Privileged: true }),
    ...(command.working_dir !== undefined && { WorkingDir: command.working_dir }),
  }
}
