import type { Command } from '../../cli/command.ts'
import { defineCommand } from '../../cli/command.ts'

export const versionFlags = {
  format: { kind: 'string', short: 'f', brief: 'Format the output. Values: [pretty | json]' },
  short: { kind: 'boolean', brief: "Show only Compose's version number" },
} as const

export const versionCommand: Command = defineCommand({
  name: 'version',
  brief: 'Show the Docker Compose version information',
  flags: versionFlags,
  args: [],
  load: () => import('./version.ts'),
})
