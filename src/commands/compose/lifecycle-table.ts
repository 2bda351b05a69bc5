import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'
import { lockFlags } from './lock-flags.ts'
import type { LockFlags } from './lock-flags.ts'
import { planCommand } from './plan-table.ts'

/** Flags and rows of the commands that bring projects up and down. Loaded at every start: nothing but data. */

const service = { name: '[SERVICE...]', complete: 'service' } as const

const ownUpFlags = {
  build: { kind: 'boolean', brief: 'Build images before, also those that are there' },
  'no-build': { kind: 'boolean', brief: 'Build nothing, even if an image is missing' },
  'force-recreate': { kind: 'boolean', brief: 'Replace containers even when nothing changed' },
  'no-recreate': { kind: 'boolean', brief: 'Leave existing containers as they are' },
  pull: {
    kind: 'string',
    brief: 'When to pull: always, missing, never, or policy (as the file says)',
    placeholder: 'string',
    default: 'policy',
  },
  'quiet-build': { kind: 'boolean', brief: 'Build without showing steps' },
  'quiet-pull': { kind: 'boolean', brief: 'Pull without showing layers' },
  'remove-orphans': {
    kind: 'boolean',
    brief: 'Remove containers of services the files no longer have',
    env: ['COMPOSE_REMOVE_ORPHANS'],
  },
  scale: { kind: 'strings', brief: 'SERVICE=NUM: number of containers, over what the file says', placeholder: 'scale' },
  yes: { kind: 'boolean', short: 'y', brief: 'Answer every question with yes' },
  y: { kind: 'boolean', brief: 'Old name of --yes', hidden: true },
  plan: { kind: 'boolean', brief: 'Print what would be done and why, and do nothing' },
  'plan-format': { kind: 'string', brief: 'With --plan: text or json', default: 'text', placeholder: 'string' },
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
  'abort-on-container-exit': { kind: 'boolean', brief: 'Stop all containers when one ends' },
  'abort-on-container-failure': { kind: 'boolean', brief: 'Stop all containers when one fails' },
  'always-recreate-deps': {
    kind: 'boolean',
    brief: 'Replace containers of dependencies too, even when nothing changed',
  },
  attach: { kind: 'strings', brief: 'Show the output of these services only', placeholder: 'service' },
  'attach-dependencies': { kind: 'boolean', brief: 'Show the output of dependencies too' },
  detach: { kind: 'boolean', short: 'd', brief: 'Leave the containers running in the background' },
  'exit-code-from': { kind: 'string', brief: "Exit with this service's code; implies --abort-on-container-exit" },
  'no-attach': { kind: 'strings', brief: 'Do not show the output of these services', placeholder: 'service' },
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

export const upFlags: typeof ownUpFlags & LockFlags = { ...ownUpFlags, ...lockFlags }

const ownCreateFlags = {
  build: { kind: 'boolean', brief: 'Build images before, also those that are there' },
  'no-build': { kind: 'boolean', brief: 'Build nothing, even if an image is missing' },
  'force-recreate': { kind: 'boolean', brief: 'Replace containers even when nothing changed' },
  'no-recreate': { kind: 'boolean', brief: 'Leave existing containers as they are' },
  pull: {
    kind: 'string',
    brief: 'When to pull: always, missing, never, or policy (as the file says)',
    placeholder: 'string',
    default: 'policy',
  },
  'quiet-pull': { kind: 'boolean', brief: 'Pull without showing layers' },
  // COMPOSE_REMOVE_ORPHANS is for `up`, `down` and `kill`: `create` of the reference program removes nothing unasked.
  'remove-orphans': { kind: 'boolean', brief: 'Remove containers of services the files no longer have' },
  scale: { kind: 'strings', brief: 'SERVICE=NUM: number of containers, over what the file says', placeholder: 'scale' },
  yes: { kind: 'boolean', short: 'y', brief: 'Answer every question with yes' },
  y: { kind: 'boolean', brief: 'Old name of --yes', hidden: true },
  plan: { kind: 'boolean', brief: 'Print what would be done and why, and do nothing' },
  'plan-format': { kind: 'string', brief: 'With --plan: text or json', default: 'text', placeholder: 'string' },
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

export const createFlags: typeof ownCreateFlags & LockFlags = { ...ownCreateFlags, ...lockFlags }

const ownDownFlags = {
  'remove-orphans': {
    kind: 'boolean',
    brief: 'Remove containers of services the files no longer have',
    env: ['COMPOSE_REMOVE_ORPHANS'],
  },
  rmi: {
    kind: 'string',
    brief: 'Remove images of services too: all, or local for those without an image: in the file',
  },
  timeout: {
    kind: 'integer',
    short: 't',
    brief: 'Seconds until a container that does not stop is killed (default: stop_grace_period, else 10)',
  },
  volumes: { kind: 'boolean', short: 'v', brief: 'Remove named volumes of the project and anonymous ones too' },
  plan: { kind: 'boolean', brief: 'Print what would be done and why, and do nothing' },
  'plan-format': { kind: 'string', brief: 'With --plan: text or json', default: 'text', placeholder: 'string' },
  'detailed-exitcode': {
    kind: 'boolean',
    brief: 'With --plan: exit code 0 when there is nothing to do, 2 when there is, 1 for errors',
  },
} as const

export const downFlags: typeof ownDownFlags & LockFlags = { ...ownDownFlags, ...lockFlags }

export const psFlags = {
  all: { kind: 'boolean', short: 'a', brief: 'Stopped containers too, and those of `run`' },
  filter: { kind: 'string', brief: 'status=STATE, as --status STATE' },
  format: { kind: 'string', brief: 'table, json or a Go template', default: 'table' },
  'no-trunc': { kind: 'boolean', brief: 'Show whole values' },
  orphans: { kind: 'boolean', brief: 'Containers of services the files no longer have too', default: true },
  quiet: { kind: 'boolean', short: 'q', brief: 'IDs only' },
  services: { kind: 'boolean', brief: 'Names of services only' },
  status: {
    kind: 'strings',
    brief: 'Show containers in this state: running, paused, restarting, removing, dead, created, exited',
    placeholder: 'state',
  },
} as const

export const logsFlags = {
  follow: { kind: 'boolean', short: 'f', brief: 'Keep showing what comes' },
  index: { kind: 'integer', brief: 'Number of the container, when a service has several' },
  'no-color': { kind: 'boolean', brief: 'Output without colour' },
  'no-log-prefix': { kind: 'boolean', brief: 'Output without names before the lines' },
  since: { kind: 'string', brief: 'Only what is newer: a time, or a duration such as 42m' },
  tail: { kind: 'string', short: 'n', brief: 'Number of lines from the end of each log', default: 'all' },
  timestamps: { kind: 'boolean', short: 't', brief: 'Show times' },
  until: { kind: 'string', brief: 'Only what is older: a time, or a duration such as 42m' },
} as const

export const lsFlags = {
  all: { kind: 'boolean', short: 'a', brief: 'Projects without running containers too' },
  filter: { kind: 'strings', brief: 'Show only what matches: name=REGEX', placeholder: 'filter' },
  format: { kind: 'string', brief: 'table or json', default: 'table' },
  quiet: { kind: 'boolean', short: 'q', brief: 'Names only' },
} as const

export const portFlags = {
  index: { kind: 'integer', brief: 'Number of the container, when a service has several' },
  protocol: { kind: 'string', brief: 'Protocol of the port: tcp or udp', default: 'tcp' },
} as const

const ownStopFlags = {
  timeout: {
    kind: 'integer',
    short: 't',
    brief: 'Seconds until a container that does not stop is killed (default: stop_grace_period, else 10)',
  },
} as const

export const stopFlags: typeof ownStopFlags & LockFlags = { ...ownStopFlags, ...lockFlags }

const ownRestartFlags = {
  'no-deps': { kind: 'boolean', brief: 'Do not restart dependants that have restart: true' },
  timeout: {
    kind: 'integer',
    short: 't',
    brief: 'Seconds until a container that does not stop is killed (default: stop_grace_period, else 10)',
  },
} as const

export const restartFlags: typeof ownRestartFlags & LockFlags = { ...ownRestartFlags, ...lockFlags }

export const killFlags = {
  'remove-orphans': {
    kind: 'boolean',
    brief: 'Kill containers of services the files no longer have too',
    env: ['COMPOSE_REMOVE_ORPHANS'],
  },
  signal: { kind: 'string', short: 's', brief: 'Signal to send', default: 'SIGKILL' },
} as const

const ownRmFlags = {
  force: { kind: 'boolean', short: 'f', brief: 'Do not ask' },
  stop: { kind: 'boolean', short: 's', brief: 'Stop the containers first' },
  volumes: { kind: 'boolean', short: 'v', brief: 'Remove anonymous volumes of the containers too' },
  all: { kind: 'boolean', short: 'a', brief: 'Accepted and ignored', hidden: true },
} as const

export const rmFlags: typeof ownRmFlags & LockFlags = { ...ownRmFlags, ...lockFlags }

/** `start`, `pause` and `unpause`. */
export const verbFlags: LockFlags = lockFlags

/** In alphabetical order; the program's table merges them with its own. */
export const lifecycleCommands: readonly Command[] = [
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
    name: 'kill',
    brief: 'Kill containers',
    flags: killFlags,
    args: [service],
    load: () => import('./kill.ts'),
  }),
  defineCommand({
    name: 'logs',
    brief: 'Show the output of containers',
    flags: logsFlags,
    args: [service],
    load: () => import('./logs.ts'),
  }),
  defineCommand({
    name: 'ls',
    brief: 'List projects',
    flags: lsFlags,
    args: [],
    load: () => import('./ls.ts'),
  }),
  defineCommand({
    name: 'pause',
    brief: 'Pause containers',
    flags: verbFlags,
    args: [service],
    load: () => import('./pause.ts'),
  }),
  planCommand,
  defineCommand({
    name: 'port',
    brief: 'Print where a port is published',
    flags: portFlags,
    args: [{ name: 'SERVICE', complete: 'service' }, { name: 'PRIVATE_PORT' }],
    load: () => import('./port.ts'),
  }),
  defineCommand({
    name: 'ps',
    brief: 'List containers',
    flags: psFlags,
    args: [service],
    load: () => import('./ps.ts'),
  }),
  defineCommand({
    name: 'restart',
    brief: 'Restart containers',
    flags: restartFlags,
    args: [service],
    load: () => import('./restart.ts'),
  }),
  defineCommand({
    name: 'rm',
    brief: 'Remove stopped containers',
    flags: rmFlags,
    args: [service],
    load: () => import('./rm.ts'),
  }),
  defineCommand({
    name: 'start',
    brief: 'Start existing containers',
    flags: verbFlags,
    args: [service],
    load: () => import('./start.ts'),
  }),
  defineCommand({
    name: 'stop',
    brief: 'Stop containers',
    flags: stopFlags,
    args: [service],
    load: () => import('./stop.ts'),
  }),
  defineCommand({
    name: 'unpause',
    brief: 'Let paused containers run again',
    flags: verbFlags,
    args: [service],
    load: () => import('./unpause.ts'),
  }),
  defineCommand({
    name: 'up',
    brief: 'Create and start containers',
    flags: upFlags,
    args: [service],
    load: () => import('./up.ts'),
  }),
]
