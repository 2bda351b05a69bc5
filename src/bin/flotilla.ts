import { dockerCompose, dockerMachine, flotilla, swarm } from '../cli/personality.ts'
import { composeCommands, composeGlobals } from '../commands/compose/table.ts'
import { flotillaCommands, flotillaGlobals } from '../commands/flotilla/table.ts'
import { machineCommands, machineGlobals } from '../commands/machine/table.ts'
import { swarmCommands, swarmGlobals } from '../commands/swarm/table.ts'
import { start } from './start.ts'

void start({
  personality: flotilla,
  globals: flotillaGlobals,
  commands: [
    {
      name: 'machine',
      brief: 'Make and manage Docker hosts',
      flags: machineGlobals,
      args: [],
      commands: machineCommands,
      versionText: dockerMachine.versionText,
      hasPlainLog: true,
    },
    {
      name: 'swarm',
      brief: 'Put one endpoint over many engines',
      flags: swarmGlobals,
      args: [],
      commands: swarmCommands,
      versionText: swarm.versionText,
    },
    {
      name: 'compose',
      brief: 'Run Compose projects',
      flags: composeGlobals,
      args: [],
      commands: composeCommands,
      versionText: dockerCompose.versionText,
    },
    ...flotillaCommands,
  ],
})
