import { defineCommand } from '../../../cli/command.ts'
import type { Command } from '../../../cli/command.ts'

/** Loaded at every start: nothing but data. */

export const convertFlags = {
  output: {
    kind: 'string',
    short: 'o',
    brief: 'Folder for what comes out',
    default: 'out',
    placeholder: 'string',
    complete: 'folder',
  },
  templates: {
    kind: 'string',
    brief: 'Folder of templates in place of those of the image',
    placeholder: 'string',
    complete: 'folder',
  },
  transformation: {
    kind: 'strings',
    short: 't',
    brief: 'Image to run (default: docker/compose-bridge-kubernetes)',
    placeholder: 'stringArray',
    complete: 'none',
  },
} as const

export const createTransformationFlags = {
  from: {
    kind: 'string',
    short: 'f',
    brief: 'Image to start from (default: docker/compose-bridge-kubernetes)',
    complete: 'none',
  },
} as const

export const listTransformationFlags = {
  format: { kind: 'string', brief: 'table or json', default: 'table', complete: ['table', 'json'] },
  quiet: { kind: 'boolean', short: 'q', brief: 'Names only' },
} as const

export const bridgeCommand: Command = {
  name: 'bridge',
  brief: 'Turn the project into files of another system, with images that do that',
  flags: {},
  args: [],
  commands: [
    defineCommand({
      name: 'convert',
      brief: 'Run transformations on the project',
      flags: convertFlags,
      args: [],
      load: () => import('./convert.ts'),
    }),
    {
      name: 'transformations',
      brief: 'Look after transformations',
      flags: {},
      args: [],
      commands: [
        defineCommand({
          name: 'create',
          brief: 'Begin a transformation of your own',
          flags: createTransformationFlags,
          args: [{ name: 'PATH', complete: 'file' }],
          load: () => import('./create.ts'),
        }),
        defineCommand({
          name: 'list',
          aliases: ['ls'],
          brief: 'List the transformations the engine has',
          flags: listTransformationFlags,
          args: [],
          load: () => import('./list.ts'),
        }),
      ],
    },
  ],
}
