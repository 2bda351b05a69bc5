import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'

export const scpFlags = {
  recursive: { kind: 'boolean', short: 'r', brief: 'Copy folders with all they hold' },
  delta: {
    kind: 'boolean',
    short: 'd',
    brief: 'Send only what differs: with rsync, or by size and time between machines and where there is no SSH server',
  },
  quiet: { kind: 'boolean', short: 'q', brief: 'Show no progress' },
} as const

export const mountFlags = {
  unmount: { kind: 'boolean', short: 'u', brief: 'Take the mount away again' },
} as const

const place =
  'A machine\'s path is [USER@]MACHINE:PATH; what has no machine, or "localhost:", is on this computer. Machines without an SSH server are reached through the shell that the command ssh opens.'

/** Files of machines. */
export const copyCommands: readonly Command[] = [
  defineCommand({
    name: 'scp',
    brief: 'Copy files to, from and between machines',
    description: place,
    flags: scpFlags,
    args: [{ name: 'SOURCE' }, { name: 'TARGET' }],
    load: () => import('./scp.ts'),
  }),
  defineCommand({
    name: 'mount',
    brief: 'Mount a folder of a machine with sshfs',
    description:
      'SOURCE is [USER@]MACHINE:PATH, without a machine that of "default"; the folder here is the same path unless TARGET says otherwise.',
    flags: mountFlags,
    args: [{ name: 'SOURCE' }, { name: '[TARGET]' }],
    load: () => import('./mount.ts'),
  }),
]
