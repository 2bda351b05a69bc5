import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'
import { lockFlags } from './lock-flags.ts'
import type { LockFlags } from './lock-flags.ts'

/** Flags and rows of the commands that work with the processes and files of containers. Loaded at every start: nothing but data. */

const oneService = { name: 'SERVICE', complete: 'service' } as const
const oneRunning = { name: 'SERVICE', complete: 'running-service' } as const

export const attachFlags = {
  'detach-keys': {
    kind: 'string',
    brief: 'Keys that leave the container alone (default ctrl-p,ctrl-q)',
    placeholder: 'string',
    complete: 'none',
  },
  index: { kind: 'integer', brief: 'Number of the container, when a service has several' },
  'no-stdin': { kind: 'boolean', brief: 'Show the output only' },
  'sig-proxy': { kind: 'boolean', brief: 'Hand signals on to the process', default: true },
} as const

export const execFlags = {
  detach: { kind: 'boolean', short: 'd', brief: 'Leave the command running in the background' },
  env: {
    kind: 'strings',
    short: 'e',
    brief: 'Set a variable: KEY=VALUE, or KEY with its value here',
    placeholder: 'stringArray',
    complete: 'none',
  },
  index: { kind: 'integer', brief: 'Number of the container, when a service has several' },
  'no-tty': {
    kind: 'boolean',
    short: 'T',
    aliases: ['no-TTY'],
    brief: 'Give the command no terminal (default: one if ours is)',
  },
  privileged: { kind: 'boolean', brief: 'Give the command extended privileges' },
  user: { kind: 'string', short: 'u', brief: 'User to run the command as', placeholder: 'string', complete: 'none' },
  workdir: {
    kind: 'string',
    short: 'w',
    brief: 'Working directory of the command',
    placeholder: 'string',
    complete: 'none',
  },
  interactive: {
    kind: 'boolean',
    short: 'i',
    brief: 'Hand our input on; it is, unless this is false',
    default: true,
    hidden: true,
  },
  tty: { kind: 'boolean', short: 't', brief: 'Accepted and ignored', default: true, hidden: true },
} as const

const ownRunFlags = {
  build: { kind: 'boolean', brief: 'Build the image, and those of dependencies, first' },
  'cap-add': { kind: 'strings', brief: 'Add a Linux capability', placeholder: 'list', complete: 'none' },
  'cap-drop': { kind: 'strings', brief: 'Drop a Linux capability', placeholder: 'list', complete: 'none' },
  detach: { kind: 'boolean', short: 'd', brief: 'Leave the container running in the background and print its ID' },
  entrypoint: { kind: 'string', brief: "Replace the image's entrypoint", placeholder: 'string', complete: 'none' },
  env: {
    kind: 'strings',
    short: 'e',
    brief: 'Set a variable: KEY=VALUE, or KEY with its value here',
    placeholder: 'stringArray',
    complete: 'none',
  },
  'env-from-file': { kind: 'strings', brief: 'Set the variables of a file', placeholder: 'stringArray' },
  interactive: { kind: 'boolean', short: 'i', brief: 'Hand our input on to the container', default: true },
  label: {
    kind: 'strings',
    short: 'l',
    aliases: ['labels'],
    brief: 'Set a label: KEY=VALUE',
    placeholder: 'stringArray',
    complete: 'none',
  },
  name: { kind: 'string', brief: 'Name of the container', placeholder: 'string', complete: 'none' },
  // As the reference program spells it here; `exec` has it the other way round.
  'no-TTY': {
    kind: 'boolean',
    short: 'T',
    aliases: ['no-tty'],
    brief: 'Give the container no terminal (default: one if ours is)',
  },
  'no-deps': { kind: 'boolean', brief: 'Do not start what the service depends on' },
  publish: {
    kind: 'strings',
    short: 'p',
    brief: 'Publish a port: [[IP:]HOST:]CONTAINER[/PROTOCOL]',
    placeholder: 'stringArray',
    complete: 'none',
  },
  pull: {
    kind: 'string',
    brief: 'When to pull images, those of dependencies too: always, missing, never, or policy (as the file says)',
    default: 'policy',
    placeholder: 'string',
    complete: ['always', 'missing', 'never', 'policy'],
  },
  quiet: { kind: 'boolean', short: 'q', brief: 'Show no progress' },
  'quiet-build': { kind: 'boolean', brief: 'Build without showing progress' },
  'quiet-pull': { kind: 'boolean', brief: 'Pull without showing layers' },
  'remove-orphans': { kind: 'boolean', brief: 'Remove containers of services the files no longer have' },
  rm: { kind: 'boolean', brief: 'Have the engine remove the container when it ends' },
  'service-ports': { kind: 'boolean', short: 'P', brief: "Publish the service's ports" },
  tty: { kind: 'boolean', short: 't', brief: 'Give the container a terminal', hidden: true },
  'use-aliases': { kind: 'boolean', brief: "Let the container answer to the service's names on its networks" },
  user: { kind: 'string', short: 'u', brief: 'User or user ID to run as', placeholder: 'string', complete: 'none' },
  volume: {
    kind: 'strings',
    short: 'v',
    aliases: ['volumes'],
    brief: 'Mount: [SOURCE:]TARGET[:OPTIONS]',
    placeholder: 'stringArray',
  },
  workdir: {
    kind: 'string',
    short: 'w',
    brief: 'Working directory in the container',
    placeholder: 'string',
    complete: 'none',
  },
} as const

export const runFlags: typeof ownRunFlags & LockFlags = { ...ownRunFlags, ...lockFlags }

export const cpFlags = {
  all: { kind: 'boolean', brief: 'Copy to containers of `run` too' },
  archive: { kind: 'boolean', short: 'a', brief: 'Keep owner and group' },
  'follow-link': { kind: 'boolean', short: 'L', brief: 'Copy what a link in the source path points at' },
  index: { kind: 'integer', brief: 'Number of the container, when a service has several' },
} as const

export const topFlags = {} as const

export const waitFlags = {
  'down-project': { kind: 'boolean', brief: 'Take the project down when the first container has ended' },
} as const

export const commitFlags = {
  author: { kind: 'string', short: 'a', brief: 'Author of the image', placeholder: 'string', complete: 'none' },
  change: {
    kind: 'strings',
    short: 'c',
    brief: 'Apply a Dockerfile instruction to the image',
    placeholder: 'list',
    complete: 'none',
  },
  index: { kind: 'integer', brief: 'Number of the container, when a service has several' },
  message: {
    kind: 'string',
    short: 'm',
    brief: 'Message kept with the image',
    placeholder: 'string',
    complete: 'none',
  },
  pause: { kind: 'boolean', short: 'p', brief: 'Pause the container meanwhile', default: true },
} as const

export const exportFlags = {
  index: { kind: 'integer', brief: 'Number of the container, when a service has several' },
  output: { kind: 'string', short: 'o', brief: 'Write to a file in place of stdout', placeholder: 'string' },
} as const

/** The program's table merges them with its own. */
export const processCommands: readonly Command[] = [
  defineCommand({
    name: 'attach',
    brief: "Join a container's input, output and errors",
    flags: attachFlags,
    args: [oneRunning],
    load: () => import('./attach.ts'),
  }),
  defineCommand({
    name: 'commit',
    brief: 'Make an image from what a container has changed',
    flags: commitFlags,
    args: [oneService, { name: '[REPOSITORY[:TAG]]' }],
    load: () => import('./commit.ts'),
  }),
  defineCommand({
    name: 'cp',
    brief: 'Copy files between containers and this computer',
    flags: cpFlags,
    args: [
      { name: 'SERVICE:SRC_PATH|SRC_PATH|-', complete: 'copy' },
      { name: 'DEST_PATH|-|SERVICE:DEST_PATH', complete: 'copy' },
    ],
    load: () => import('./cp.ts'),
  }),
  defineCommand({
    name: 'exec',
    brief: 'Run a command in a running container',
    flags: execFlags,
    args: [oneRunning, { name: 'COMMAND', complete: 'file' }, { name: '[ARGS...]', complete: 'file' }],
    stopsAtArgument: true,
    load: () => import('./exec.ts'),
  }),
  defineCommand({
    name: 'export',
    brief: 'Write the files of a container as a tar archive',
    flags: exportFlags,
    args: [oneService],
    load: () => import('./export.ts'),
  }),
  defineCommand({
    name: 'run',
    brief: 'Run a command in a container of its own',
    flags: runFlags,
    args: [oneService, { name: '[COMMAND]', complete: 'file' }, { name: '[ARGS...]', complete: 'file' }],
    stopsAtArgument: true,
    load: () => import('./run.ts'),
  }),
  defineCommand({
    name: 'top',
    brief: 'Show the processes of containers',
    flags: topFlags,
    args: [{ name: '[SERVICES...]', complete: 'running-service' }],
    load: () => import('./top.ts'),
  }),
  defineCommand({
    name: 'wait',
    brief: 'Wait until containers end',
    flags: waitFlags,
    args: [{ name: 'SERVICE...', complete: 'service' }],
    load: () => import('./wait.ts'),
  }),
]
