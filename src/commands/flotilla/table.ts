import type { Command } from '../../cli/command.ts'
import { defineCommand } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'
import { composeCommands, composeGlobals } from '../compose/table.ts'
import { machineCommands, machineGlobals } from '../machine/table.ts'
import { swarmCommands, swarmGlobals } from '../swarm/table.ts'

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

/** In the order of the help page. */
export const flotillaCommands: readonly Command[] = [
  {
    name: 'machine',
    brief: 'Make and manage Docker hosts',
    flags: machineGlobals,
    args: [],
    commands: machineCommands,
  },
  {
    name: 'swarm',
    brief: 'Put one endpoint over many engines',
    flags: swarmGlobals,
    args: [],
    commands: swarmCommands,
  },
  { name: 'compose', brief: 'Run Compose projects', flags: composeGlobals, args: [], commands: composeCommands },
  defineCommand({
    name: 'version',
    brief: 'Show the version of this program',
    flags: versionFlags,
    args: [],
    load: () => import('./version.ts'),
  }),
]
