import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'

/** Loaded at every start: nothing but data. */

export const watchFlags = {
  'no-up': { kind: 'boolean', brief: 'Do not bring the services up first' },
  prune: { kind: 'boolean', brief: 'Remove images that a rebuild leaves without a name', default: true },
  quiet: { kind: 'boolean', brief: 'Do not show what builds print' },
} as const

export const watchCommand: Command = defineCommand({
  name: 'watch',
  brief: 'Follow changes of files and bring them into the containers, or build anew',
  flags: watchFlags,
  args: [{ name: '[SERVICE...]', complete: 'service' }],
  load: () => import('./watch.ts'),
})
