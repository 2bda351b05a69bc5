import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'
import { lockFlags } from './lock-flags.ts'
import type { LockFlags } from './lock-flags.ts'

/** Flags and rows of the commands that show a project from other sides, and of `scale`. Loaded at every start: nothing but data. */

const services = { name: '[SERVICE...]', complete: 'service' } as const

export const eventsFlags = {
  json: { kind: 'boolean', brief: 'One JSON object an event' },
  since: { kind: 'string', brief: 'What happened since then too: a time, or a duration such as 42m', complete: 'none' },
  until: { kind: 'string', brief: 'End then: a time, or a duration such as 42m', complete: 'none' },
} as const

export const imagesFlags = {
  format: { kind: 'string', brief: 'table or json', default: 'table', complete: ['table', 'json'] },
  quiet: { kind: 'boolean', short: 'q', brief: 'IDs only' },
} as const

const ownScaleFlags = {
  'no-deps': { kind: 'boolean', brief: 'Do not start what the services depend on' },
  timeout: {
    kind: 'integer',
    short: 't',
    brief: 'Seconds until a container that does not stop is killed, as in Compose v1',
    hidden: true,
  },
} as const

export const scaleFlags: typeof ownScaleFlags & LockFlags = { ...ownScaleFlags, ...lockFlags }

export const statsFlags = {
  all: { kind: 'boolean', short: 'a', brief: 'Stopped containers too' },
  format: { kind: 'string', brief: 'table, json or a Go template', complete: ['table', 'json'] },
  'no-stream': { kind: 'boolean', brief: 'One reading and no more' },
  'no-trunc': { kind: 'boolean', brief: 'Show whole IDs' },
} as const

export const volumesFlags = {
  format: { kind: 'string', brief: 'table, json or a Go template', default: 'table', complete: ['table', 'json'] },
  quiet: { kind: 'boolean', short: 'q', brief: 'Names only' },
} as const

export const vizFlags = {
  image: { kind: 'boolean', brief: 'Show the images of services' },
  'indentation-size': { kind: 'integer', brief: 'Tabs or blanks a level', default: 1 },
  networks: { kind: 'boolean', brief: 'Show the networks of services' },
  ports: { kind: 'boolean', brief: 'Show the ports of services' },
  spaces: { kind: 'boolean', brief: 'Indent with blanks in place of tabs' },
} as const

export const generateFlags = {
  format: { kind: 'string', brief: 'yaml or json', default: 'yaml', complete: ['yaml', 'json'] },
  name: { kind: 'string', brief: 'Name of the project to write into the file', complete: 'none' },
  'project-dir': {
    kind: 'string',
    brief: 'Folder of the project, which paths of the file start from',
    complete: 'folder',
  },
} as const

/** `alpha dry-run` of early releases: the words after it are a command line of their own. */
export const dryRunFlags = {} as const

const scaleCommand = defineCommand({
  name: 'scale',
  brief: 'Set the number of containers of services',
  flags: scaleFlags,
  args: [{ name: 'SERVICE=REPLICAS...', complete: 'scale' }],
  load: () => import('./scale.ts'),
})

const vizCommand = defineCommand({
  name: 'viz',
  brief: 'Print the project as a graph for Graphviz',
  flags: vizFlags,
  args: [],
  load: () => import('./viz.ts'),
})

/** Commands of `alpha`. */
export const viewTrials: readonly Command[] = [
  defineCommand({
    name: 'dry-run',
    brief: 'Run a command without changing anything',
    flags: dryRunFlags,
    args: [{ name: '-- COMMAND' }, { name: '[ARGS...]' }],
    hidden: true,
    stopsAtArgument: true,
    load: () => import('./alpha-dry-run.ts'),
  }),
  defineCommand({
    name: 'generate',
    brief: 'Print a Compose file made from existing containers',
    flags: generateFlags,
    args: [{ name: '[CONTAINERS...]' }],
    load: () => import('./generate.ts'),
  }),
  { ...scaleCommand, hidden: true },
  vizCommand,
]

/** The program's table merges them with its own. */
export const viewCommands: readonly Command[] = [
  defineCommand({
    name: 'events',
    brief: 'Show what happens to containers as it happens',
    flags: eventsFlags,
    args: [services],
    load: () => import('./events.ts'),
  }),
  defineCommand({
    name: 'images',
    brief: 'List the images of containers',
    flags: imagesFlags,
    args: [services],
    load: () => import('./images.ts'),
  }),
  scaleCommand,
  defineCommand({
    name: 'stats',
    brief: 'Show what containers use of their engine',
    flags: statsFlags,
    args: [{ name: '[SERVICE...]', complete: 'running-service' }],
    load: () => import('./stats.ts'),
  }),
  vizCommand,
  defineCommand({
    name: 'volumes',
    brief: 'List the volumes of the project',
    flags: volumesFlags,
    args: [services],
    load: () => import('./volumes.ts'),
  }),
]
