import { dockerMachine } from '../cli/personality.ts'
import { machineCommands, machineGlobals } from '../commands/machine/table.ts'
import { start } from './start.ts'

void start({ personality: dockerMachine, globals: machineGlobals, commands: machineCommands })
