import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'

/** Loaded at every start: nothing but data. */

export const publishFlags = {
  app: { kind: 'boolean', brief: 'Publish the images of the project with it' },
  'oci-version': {
    kind: 'string',
    brief: 'Form of the artifact: 1.0 or 1.1 (default: what the registry takes)',
    placeholder: 'string',
    complete: ['1.0', '1.1'],
  },
  'resolve-image-digests': { kind: 'boolean', brief: 'Pin tags of images to the digests they have now' },
  'with-env': { kind: 'boolean', brief: 'Publish environment variables and env files' },
  yes: { kind: 'boolean', short: 'y', brief: 'Answer every question with yes' },
} as const

export const publishCommand: Command = defineCommand({
  name: 'publish',
  brief: 'Put the Compose files into a registry',
  flags: publishFlags,
  args: [{ name: 'REPOSITORY[:TAG]' }],
  load: () => import('./publish.ts'),
})
