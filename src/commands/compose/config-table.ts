import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'

/** Flags of `config`. Loaded at every start: nothing but data. */
export const configFlags = {
  format: { kind: 'string', brief: 'yaml or json (default yaml)', placeholder: 'string', complete: ['yaml', 'json'] },
  environment: { kind: 'boolean', brief: 'Print the variables that interpolation sees' },
  hash: {
    kind: 'string',
    brief: "Print the hash of a service's settings; '*' for every service, one a line",
    placeholder: 'string',
    complete: 'service',
  },
  'lock-image-digests': { kind: 'boolean', brief: 'Print a file that only pins the images to their digests' },
  images: { kind: 'boolean', brief: 'Print image names, one a line' },
  models: { kind: 'boolean', brief: 'Print model names, one a line' },
  networks: { kind: 'boolean', brief: 'Print network names, one a line' },
  'no-consistency': {
    kind: 'boolean',
    brief: 'Skip the checks between parts; the output may be no valid file',
  },
  'no-env-resolution': { kind: 'boolean', brief: 'Do not merge env files into services' },
  'no-interpolate': { kind: 'boolean', brief: 'Leave variables as they stand' },
  'no-normalize': { kind: 'boolean', brief: 'Do not add what follows from what is written' },
  'no-path-resolution': { kind: 'boolean', brief: 'Leave relative paths as they stand' },
  output: {
    kind: 'string',
    short: 'o',
    brief: 'Write to a file in place of stdout',
    placeholder: 'string',
    complete: 'file',
  },
  profiles: { kind: 'boolean', brief: 'Print profile names, one a line' },
  quiet: { kind: 'boolean', short: 'q', brief: 'Only check, print nothing' },
  'resolve-image-digests': { kind: 'boolean', brief: 'Pin tags of images to the digests they have now' },
  services: { kind: 'boolean', brief: 'Print service names, one a line' },
  variables: { kind: 'boolean', brief: 'Print the variables of the files and their defaults' },
  volumes: { kind: 'boolean', brief: 'Print volume names, one a line' },
} as const

export const configCommand: Command = defineCommand({
  name: 'config',
  aliases: ['convert'],
  brief: 'Read, merge and check the files and print the project',
  flags: configFlags,
  args: [{ name: '[SERVICE...]', complete: 'service' }],
  load: () => import('./config.ts'),
})
