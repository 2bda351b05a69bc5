import { dockerCompose } from '../cli/personality.ts'
import { composeCommands, composeGlobals } from '../commands/compose/table.ts'
import { start } from './start.ts'

void start({ personality: dockerCompose, globals: composeGlobals, commands: composeCommands })
