import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'
import { lockFlags } from './lock-flags.ts'
import type { LockFlags } from './lock-flags.ts'

/** Flags and rows of the commands that bring projects up and down. Loaded at every start: nothing but data. */

const service = { name: '[SERVICE...]', complete: 'service' } as const

/** Of `up` and `create`. */
const makingFlags = {
  build: { kind: 'boolean', brief: 'Build images before, also those that are there' },
  'no-build': { kind: 'boolean', brief: 'Build nothing, even if an image is missing' },
  'force-recreate': { kind: 'boolean', brief: 'Replace containers even when nothing changed' },
  'no-recreate': { kind: 'boolean', brief: 'Leave existing containers as they are' },
  pull: {
    kind: 'string',
    brief: 'When to pull: always, missing, never, or policy (as the file says)',
    placeholder: 'string',
    default: 'policy',
    complete: ['always', 'missing', 'never', 'policy'],
  },
  'quiet-pull': { kind: 'boolean', brief: 'Pull without showing layers' },
  scale: {
    kind: 'strings',
    brief: 'SERVICE=NUM: number of containers, over what the file says',
    placeholder: 'scale',
    complete: 'scale',
  },
  yes: { kind: 'boolean', short: 'y', brief: 'Answer every question with yes' },
  y: { kind: 'boolean', brief: 'Old name of --yes', hidden: true },
  plan: { kind: 'boolean', brief: 'Print what would be done and why, and do nothing' },
  'plan-format': {
    kind: 'string',
    brief: 'With --plan: text or json',
    default: 'text',
    placeholder: 'string',
    complete: ['text', 'json'],
  },
  'detailed-exitcode': {
    kind: 'boolean',
    brief: 'With --plan: exit code 0 when there is nothing to do, 2 when there is, 1 for errors',
  },
  'lowest-numbers': {
    kind: 'boolean',
    brief: 'Give new containers the lowest free numbers, in place of those after the highest',
  },
  strict: {
    kind: 'boolean',
    brief: 'Refuse what services ask for and the engine would leave out, in place of a warning',
  },
  'replace-classic': {
    kind: 'boolean',
    brief: 'Replace containers made by docker-compose 1 even when nothing changed',
  },
} as const

const ownUpFlags = {
  'quiet-build': { kind: 'boolean', brief: 'Build without showing steps' },
  'remove-orphans': {
    kind: 'boolean',
    brief: 'Remove containers of services the files no longer have',
    env: ['COMPOSE_REMOVE_ORPHANS'],
  },
  'abort-on-container-exit': { kind: 'boolean', brief: 'Stop all containers when one ends' },
  'abort-on-container-failure': { kind: 'boolean', brief: 'Stop all containers when one fails' },
  'always-recreate-deps': {
    kind: 'boolean',
    brief: 'Replace containers of dependencies too, even when nothing changed',
  },
  attach: {
    kind: 'strings',
    brief: 'Show the output of these services only',
    placeholder: 'service',
    complete: 'service',
  },
  'attach-dependencies': { kind: 'boolean', brief: 'Show the output of dependencies too' },
  detach: { kind: 'boolean', short: 'd', brief: 'Leave the containers running in the background' },
  'exit-code-from': {
    kind: 'string',
    brief: "Exit with this service's code; implies --abort-on-container-exit",
    complete: 'service',
  },
  'no-attach': {
    kind: 'strings',
    brief: 'Do not show the output of these services',
    placeholder: 'service',
    complete: 'service',
  },
  'no-color': { kind: 'boolean', brief: 'Output without colour' },
  'no-deps': { kind: 'boolean', brief: 'Leave out the dependencies of the named services' },
  'no-log-prefix': { kind: 'boolean', brief: 'Output without names before the lines' },
  'no-start': { kind: 'boolean', brief: 'Create only' },
  'renew-anon-volumes': { kind: 'boolean', short: 'V', brief: 'New anonymous volumes in place of the old ones' },
  timeout: {
    kind: 'integer',
    short: 't',
    brief: 'Seconds until a container that does not stop is killed (default: stop_grace_period, else 10)',
  },
  timestamps: { kind: 'boolean', brief: 'Show times before the lines' },
  wait: { kind: 'boolean', brief: 'Wait until services run or are healthy; implies --detach' },
  'wait-timeout': {
    kind: 'integer',
    brief: 'Most seconds that --wait and each dependency may take (default: no limit)',
  },
  watch: { kind: 'boolean', short: 'w', brief: 'Follow changes of files, as the command watch does' },
  menu: { kind: 'boolean', brief: 'Show the keys that can be pressed (default: COMPOSE_MENU, else on a terminal)' },
} as const

export const upFlags: typeof makingFlags & typeof ownUpFlags & LockFlags = {
  ...makingFlags,
  ...ownUpFlags,
  ...lockFlags,
}

const ownCreateFlags = {
  // COMPOSE_REMOVE_ORPHANS is for `up`, `down` and `kill`: `create` of the reference program removes nothing unasked.
  'remove-orphans': { kind: 'boolean', brief: 'Remove containers of services the files no longer have' },
} as const

export const createFlags: typeof makingFlags & typeof ownCreateFlags & LockFlags = {
  ...makingFlags,
  ...ownCreateFlags,
  ...lockFlags,
}

const ownDownFlags = {
  'remove-orphans': {
    kind: 'boolean',
    brief: 'Remove containers of services the files no longer have',
    env: ['COMPOSE_REMOVE_ORPHANS'],
  },
  rmi: {
    kind: 'string',
    brief: 'Remove images of services too: all, or local for those without an image: in the file',
    complete: ['local', 'all'],
  },
  timeout: {
    kind: 'integer',
    short: 't',
    brief: 'Seconds until a container that does not stop is killed (default: stop_grace_period, else 10)',
  },
  volumes: { kind: 'boolean', short: 'v', brief: 'Remove named volumes of the project and anonymous ones too' },
  plan: { kind: 'boolean', brief: 'Print what would be done and why, and do nothing' },
  'plan-format': {
    kind: 'string',
    brief: 'With --plan: text or json',
    default: 'text',
    placeholder: 'string',
    complete: ['text', 'json'],
  },
  'detailed-exitcode': {
    kind: 'boolean',
    brief: 'With --plan: exit code 0 when there is nothing to do, 2 when there is, 1 for errors',
  },
} as const

export const downFlags: typeof ownDownFlags & LockFlags = { ...ownDownFlags, ...lockFlags }

/** The program's table merges them with its own. */
export const upCommands: readonly Command[] = [
  defineCommand({
    name: 'create',
    brief: 'Create containers without starting them',
    flags: createFlags,
    args: [service],
    load: () => import('./create.ts'),
  }),
  defineCommand({
    name: 'down',
    brief: 'Stop and remove containers and networks',
    flags: downFlags,
    args: [service],
    load: () => import('./down.ts'),
  }),
  defineCommand({
    name: 'up',
    brief: 'Create and start containers',
    flags: upFlags,
    args: [service],
    load: () => import('./up.ts'),
  }),
]
