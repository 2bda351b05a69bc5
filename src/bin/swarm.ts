import { swarm } from '../cli/personality.ts'
import { swarmCommands, swarmGlobals } from '../commands/swarm/table.ts'
import { start } from './start.ts'

void start({ personality: swarm, globals: swarmGlobals, commands: swarmCommands })
