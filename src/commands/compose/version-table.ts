import type { Command } from '../../cli/command.ts'
import { defineCommand } from '../../cli/command.ts'

export const versionFlags = {
  format: { kind: 'string', short: 'f', brief: 'pretty or json', complete: ['pretty', 'json'] },
  short: { kind: 'boolean', brief: 'Print the number only' },
} as const

export const versionCommand: Command = defineCommand({
  name: 'version',
  brief: 'Print the Compose version this program follows',
  flags: versionFlags,
  args: [],
  load: () => import('./version.ts'),
})
