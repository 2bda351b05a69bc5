import type { Command } from '../../cli/command.ts'
import { defineCommand } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'

/** Flags that stand before the command word. */
export const flotillaGlobals: FlagTable = {
  debug: { kind: 'boolean', short: 'D', brief: 'Say what is being done and show the causes of errors' },
}

export const versionFlags = {
  format: {
    kind: 'string',
    default: 'pretty',
    short: 'f',
    brief: 'Format the output: pretty, json',
    choices: ['pretty', 'json'],
  },
} as const

/** What `flotilla` has beside the three jobs, in the order of the help page. */
export const flotillaCommands: readonly Command[] = [
  defineCommand({
    name: 'version',
    brief: 'Show the version of this program',
    flags: versionFlags,
    args: [],
    load: () => import('./version.ts'),
  }),
]
