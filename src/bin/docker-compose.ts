import { dockerCompose } from '../cli/personality.ts'
import { composeCommands, composeGlobals } from '../commands/compose/table.ts'
import { startPlugin } from './start-plugin.ts'

void startPlugin({ personality: dockerCompose, globals: composeGlobals, commands: composeCommands })
