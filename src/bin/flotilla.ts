import { flotilla } from '../cli/personality.ts'
import { flotillaCommands, flotillaGlobals } from '../commands/flotilla/table.ts'
import { start } from './start.ts'

void start({ personality: flotilla, globals: flotillaGlobals, commands: flotillaCommands })
