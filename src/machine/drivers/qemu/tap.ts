import { createHash } from 'node:crypto'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { execChecked, execProgram } from '../../../io/exec.ts'
import { systemEnv } from '../../../io/system-env.ts'

/** Name of a machine's plug: short, and the same for the same machine. */
export function tapName(machinePath: string): string {
  return `fq${createHash('sha256').update(machinePath).digest('hex').slice(0, 10)}`
}

/** Makes the plug of a machine and puts it into the bridge. One that a crash left is used. */
export async function plugIn(name: string, bridge: string, clock: Clock, o: CallOptions): Promise<void> {
  const there = await execProgram(['ip', 'link', 'show', 'dev', name], { ...o, clock, env: systemEnv() })
  if (there.code !== 0)
    await execChecked(['ip', 'tuntap', 'add', 'dev', name, 'mode', 'tap'], { ...o, clock, env: systemEnv() })
  await execChecked(['ip', 'link', 'set', 'dev', name, 'master', bridge, 'up'], { ...o, clock, env: systemEnv() })
}

/** Takes the plug away; none is no error. */
export async function unplug(name: string, clock: Clock, o: CallOptions): Promise<void> {
  await execProgram(['ip', 'link', 'delete', 'dev', name], { ...o, clock, env: systemEnv() })
}
