import type { Command } from '../../cli/command.ts'
import { publishCommand } from './publish-table.ts'
import { viewTrials } from './view-table.ts'
import { watchCommand } from './watch-table.ts'

export const alphaCommand: Command = {
  name: 'alpha',
  brief: 'Commands under the names they had while they were tried out',
  flags: {},
  args: [],
  commands: [...viewTrials, publishCommand, watchCommand],
}
