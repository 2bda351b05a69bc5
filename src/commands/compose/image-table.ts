import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'

/** Flags and rows of the commands about images. Loaded at every start: nothing but data. */

const service = { name: '[SERVICE...]', complete: 'service' } as const

export const buildFlags = {
  'build-arg': {
    kind: 'strings',
    brief: 'NAME=VALUE, or NAME of a variable, over what the file says',
    placeholder: 'arg',
    complete: 'none',
  },
  builder: {
    kind: 'string',
    brief: 'A builder of buildx; without effect, as BUILDX_BUILDER, with a warning: the engine itself builds',
    complete: 'none',
  },
  check: { kind: 'boolean', brief: 'Check the Dockerfiles and build nothing' },
  memory: {
    kind: 'string',
    short: 'm',
    brief: 'Memory limit of the build; only for the classic builder',
    placeholder: 'bytes',
    complete: 'none',
  },
  'no-cache': { kind: 'boolean', brief: 'Use no layers of earlier builds' },
  print: { kind: 'boolean', brief: 'Print the builds as a bake file and build nothing' },
  provenance: {
    kind: 'string',
    brief: 'Attestation of where the image comes from',
    complete: ['true', 'false', 'mode=min', 'mode=max'],
  },
  pull: { kind: 'boolean', brief: 'Look for newer versions of base images' },
  push: { kind: 'boolean', brief: 'Push the images that have a name in the file' },
  quiet: { kind: 'boolean', short: 'q', brief: 'Show no progress' },
  sbom: { kind: 'string', brief: 'Attestation of what is in the image', complete: ['true', 'false'] },
  ssh: { kind: 'string', brief: 'SSH agent or key for the build: default, or ID=PATH', complete: ['default'] },
  'with-dependencies': { kind: 'boolean', brief: 'Build the dependencies of the services too' },
  compress: { kind: 'boolean', brief: 'Accepted and ignored', hidden: true },
  'force-rm': { kind: 'boolean', brief: 'Accepted and ignored', hidden: true },
  'no-rm': { kind: 'boolean', brief: 'Accepted and ignored', hidden: true },
  parallel: { kind: 'boolean', brief: 'Accepted and ignored', hidden: true },
  progress: {
    kind: 'string',
    brief: 'Old place of the flag before the command word',
    hidden: true,
    complete: ['auto', 'tty', 'plain', 'json', 'quiet'],
  },
} as const

export const pullFlags = {
  'ignore-buildable': { kind: 'boolean', brief: 'Leave out images that can be built' },
  'ignore-pull-failures': { kind: 'boolean', brief: 'Go on when an image cannot be pulled' },
  'include-deps': { kind: 'boolean', brief: 'Pull the images of dependencies too' },
  policy: {
    kind: 'string',
    brief: 'Pull always, or only if missing',
    placeholder: 'string',
    complete: ['missing', 'always'],
  },
  quiet: { kind: 'boolean', short: 'q', brief: 'Pull without showing layers' },
  parallel: {
    kind: 'boolean',
    brief: 'Accepted and ignored',
    hidden: true,
    // Red wherever it is written, as in the reference program.
    deprecated: "\u001B[31moption '--parallel' is DEPRECATED and will be ignored.\u001B[0m",
  },
  'no-parallel': {
    kind: 'boolean',
    brief: 'Accepted and ignored',
    hidden: true,
    deprecated: "\u001B[31moption '--no-parallel' is DEPRECATED and will be ignored.\u001B[0m",
  },
} as const

export const pushFlags = {
  'ignore-push-failures': { kind: 'boolean', brief: 'Go on when an image cannot be pushed' },
  'include-deps': { kind: 'boolean', brief: 'Push the images of dependencies too' },
  quiet: { kind: 'boolean', short: 'q', brief: 'Push without showing progress' },
} as const

export const imageCommands: readonly Command[] = [
  defineCommand({
    name: 'build',
    brief: 'Build images',
    flags: buildFlags,
    args: [service],
    load: () => import('./build.ts'),
  }),
  defineCommand({
    name: 'pull',
    brief: 'Pull images',
    flags: pullFlags,
    args: [service],
    load: () => import('./pull.ts'),
  }),
  defineCommand({
    name: 'push',
    brief: 'Push images that were built',
    flags: pushFlags,
    args: [service],
    load: () => import('./push.ts'),
  }),
]
