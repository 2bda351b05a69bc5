import type { FlagTable } from '../core/flag.ts'
import type { Command } from './command.ts'
import { renderDockerHelp } from './help-docker.ts'
import { renderMachineHelp } from './help-machine.ts'
import type { Personality } from './personality.ts'

/**
 * The help page of the last command of a path, in the layout of the personality's ancestor.
 *
 * @param more flags known only after a look at the command line, listed with the command's own
 */
export function renderHelp(personality: Personality, path: readonly Command[], more: FlagTable = {}): string {
  return personality.help === 'docker'
    ? renderDockerHelp(personality, path, more)
    : renderMachineHelp(personality, path, more)
}
