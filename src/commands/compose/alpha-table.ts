import type { Command } from '../../cli/command.ts'
import { publishCommand } from './publish-table.ts'
import { watchCommand } from './watch-table.ts'

/** Commands under the names they had before they were finished. */
export const alphaCommand: Command = {
  name: 'alpha',
  brief: 'Old names of commands',
  hidden: true,
  flags: {},
  args: [],
  commands: [publishCommand, watchCommand],
}
