import { defineCommand } from '../../../cli/command.ts'
import type { Command } from '../../../cli/command.ts'

export const poolCreateFlags = {
  min: { kind: 'integer', brief: 'Machines that are there without any work', default: 0 },
  max: { kind: 'integer', brief: 'Most machines', default: 10 },
  idle: {
    kind: 'string',
    brief: 'How long a machine without containers is kept',
    default: '10m',
    placeholder: 'duration',
  },
  'ignore-exited': { kind: 'boolean', brief: 'Containers that have ended do not keep a machine' },
} as const

export const poolListFlags = {
  quiet: { kind: 'boolean', short: 'q', brief: 'Print names only' },
} as const

export const poolRemoveFlags = {
  force: { kind: 'boolean', short: 'f', brief: 'Remove the machines of the pool too, whatever runs on them' },
} as const

export const poolRunFlags = {
  host: {
    kind: 'string',
    short: 'H',
    brief:
      'Endpoint of the cluster; else DOCKER_HOST, the docker context or the local socket, with TLS as docker has it',
    placeholder: 'address',
  },
} as const

const pool = { name: 'POOL' } as const

export const poolCommands: readonly Command[] = [
  defineCommand({
    name: 'create',
    brief: 'Describe a pool of equal machines; nothing is made yet',
    description:
      'Takes the flags of {program} create too, those of the driver included: each machine is made with them.',
    flags: poolCreateFlags,
    args: [pool],
    moreFlags: async (argv, ctx) => (await import('./machine-flags.ts')).findMachineFlags(argv, ctx),
    load: () => import('./create.ts'),
  }),
  defineCommand({
    name: 'run',
    brief: 'Keep a pool as large as there is work for, until told to stop',
    description:
      'Makes machines when containers wait at the endpoint for lack of room, and removes machines that have been idle.',
    flags: poolRunFlags,
    args: [pool],
    load: () => import('./run.ts'),
  }),
  defineCommand({
    name: 'ls',
    brief: 'List pools',
    flags: poolListFlags,
    args: [],
    maxArgs: 0,
    load: () => import('./ls.ts'),
  }),
  defineCommand({
    name: 'inspect',
    brief: 'Print a pool and its machines',
    flags: {},
    args: [pool],
    load: () => import('./inspect.ts'),
  }),
  defineCommand({
    name: 'rm',
    brief: 'Forget pools',
    flags: poolRemoveFlags,
    args: [{ name: 'POOL...' }],
    load: () => import('./rm.ts'),
  }),
]
