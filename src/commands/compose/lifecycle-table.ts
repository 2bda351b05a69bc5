import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'
import { lockFlags } from './lock-flags.ts'
import type { LockFlags } from './lock-flags.ts'
import { planCommand } from './plan-table.ts'

/** Flags and rows of the commands about containers that are there. Loaded at every start: nothing but data. */

const service = { name: '[SERVICE...]', complete: 'service' } as const
const running = { name: '[SERVICE...]', complete: 'running-service' } as const
const paused = { name: '[SERVICE...]', complete: 'paused-service' } as const
const stopped = { name: '[SERVICE...]', complete: 'stopped-service' } as const

export const psFlags = {
  all: { kind: 'boolean', short: 'a', brief: 'Stopped containers too, and those of `run`' },
  filter: { kind: 'string', brief: 'status=STATE, as --status STATE', complete: ['status='] },
  format: { kind: 'string', brief: 'table, json or a Go template', default: 'table', complete: ['table', 'json'] },
  'no-trunc': { kind: 'boolean', brief: 'Show whole values' },
  orphans: { kind: 'boolean', brief: 'Containers of services the files no longer have too', default: true },
  quiet: { kind: 'boolean', short: 'q', brief: 'IDs only' },
  services: { kind: 'boolean', brief: 'Names of services only' },
  status: {
    kind: 'strings',
    brief: 'Show containers in this state: running, paused, restarting, removing, dead, created, exited',
    placeholder: 'state',
    complete: ['paused', 'restarting', 'removing', 'running', 'dead', 'created', 'exited'],
  },
} as const

export const logsFlags = {
  follow: { kind: 'boolean', short: 'f', brief: 'Keep showing what comes' },
  index: { kind: 'integer', brief: 'Number of the container, when a service has several' },
  'no-color': { kind: 'boolean', brief: 'Output without colour' },
  'no-log-prefix': { kind: 'boolean', brief: 'Output without names before the lines' },
  since: { kind: 'string', brief: 'Only what is newer: a time, or a duration such as 42m', complete: 'none' },
  tail: {
    kind: 'string',
    short: 'n',
    brief: 'Number of lines from the end of each log',
    default: 'all',
    complete: ['all'],
  },
  timestamps: { kind: 'boolean', short: 't', brief: 'Show times' },
  until: { kind: 'string', brief: 'Only what is older: a time, or a duration such as 42m', complete: 'none' },
} as const

export const lsFlags = {
  all: { kind: 'boolean', short: 'a', brief: 'Projects without running containers too' },
  filter: { kind: 'strings', brief: 'Show only what matches: name=REGEX', placeholder: 'filter', complete: ['name='] },
  format: { kind: 'string', brief: 'table or json', default: 'table', complete: ['table', 'json'] },
  quiet: { kind: 'boolean', short: 'q', brief: 'Names only' },
} as const

export const portFlags = {
  index: { kind: 'integer', brief: 'Number of the container, when a service has several' },
  protocol: { kind: 'string', brief: 'Protocol of the port: tcp or udp', default: 'tcp', complete: ['tcp', 'udp'] },
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
  signal: {
    kind: 'string',
    short: 's',
    brief: 'Signal to send',
    default: 'SIGKILL',
    complete: [
      'SIGKILL',
      'SIGTERM',
      'SIGINT',
      'SIGHUP',
      'SIGQUIT',
      'SIGUSR1',
      'SIGUSR2',
      'SIGWINCH',
      'SIGSTOP',
      'SIGCONT',
    ],
  },
} as const

const ownRmFlags = {
  force: { kind: 'boolean', short: 'f', brief: 'Do not ask' },
  stop: { kind: 'boolean', short: 's', brief: 'Stop the containers first' },
  volumes: { kind: 'boolean', short: 'v', brief: 'Remove anonymous volumes of the containers too' },
  all: { kind: 'boolean', short: 'a', brief: 'Accepted and ignored', hidden: true },
} as const

export const rmFlags: typeof ownRmFlags & LockFlags = { ...ownRmFlags, ...lockFlags }

const ownStartFlags = {
  wait: { kind: 'boolean', brief: 'Wait until services run or are healthy' },
  'wait-timeout': {
    kind: 'integer',
    brief: 'Most seconds that --wait and each dependency may take (default: no limit)',
  },
} as const

export const startFlags: typeof ownStartFlags & LockFlags = { ...ownStartFlags, ...lockFlags }

/** `pause` and `unpause`. */
export const verbFlags: LockFlags = lockFlags

/** In alphabetical order; the program's table merges them with its own. */
export const lifecycleCommands: readonly Command[] = [
  defineCommand({
    name: 'kill',
    brief: 'Kill containers',
    flags: killFlags,
    args: [running],
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
    args: [running],
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
    args: [stopped],
    load: () => import('./rm.ts'),
  }),
  defineCommand({
    name: 'start',
    brief: 'Start existing containers',
    flags: startFlags,
    args: [stopped],
    load: () => import('./start.ts'),
  }),
  defineCommand({
    name: 'stop',
    brief: 'Stop containers',
    flags: stopFlags,
    args: [running],
    load: () => import('./stop.ts'),
  }),
  defineCommand({
    name: 'unpause',
    brief: 'Let paused containers run again',
    flags: verbFlags,
    args: [paused],
    load: () => import('./unpause.ts'),
  }),
]
