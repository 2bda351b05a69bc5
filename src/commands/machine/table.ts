import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'
import { copyCommands } from './copy-table.ts'
import { poolCommands } from './pool/table.ts'
import { createFlags } from './create-flags.ts'
import { ownCommands } from './own-table.ts'

/** Flags that stand before the command word. */
export const machineGlobals: FlagTable = {
  debug: { kind: 'boolean', short: 'D', brief: 'Log what is done in detail', env: ['MACHINE_DEBUG'] },
  'storage-path': {
    kind: 'string',
    short: 's',
    brief: 'Folder that holds machines and certificates (default ~/.docker/machine)',
    env: ['MACHINE_STORAGE_PATH'],
  },
  'tls-ca-cert': {
    kind: 'string',
    brief: 'Certificate of the CA that signs all others; made when missing',
    env: ['MACHINE_TLS_CA_CERT'],
  },
  'tls-ca-key': { kind: 'string', brief: 'Key of the CA; made when missing', env: ['MACHINE_TLS_CA_KEY'] },
  'tls-client-cert': {
    kind: 'string',
    brief: 'Certificate shown to engines; made when missing',
    env: ['MACHINE_TLS_CLIENT_CERT'],
  },
  'tls-client-key': {
    kind: 'string',
    brief: 'Key of the client certificate; made when missing',
    env: ['MACHINE_TLS_CLIENT_KEY'],
  },
  'github-api-token': {
    kind: 'string',
    brief: 'Accepted and ignored: GitHub is never asked',
    env: ['MACHINE_GITHUB_API_TOKEN'],
    isSecret: true,
  },
  'native-ssh': {
    kind: 'boolean',
    brief: 'Log in with the built-in SSH client, not the ssh program',
    env: ['MACHINE_NATIVE_SSH'],
  },
  'bugsnag-api-token': {
    kind: 'string',
    brief: 'Accepted and ignored: no crash reports are ever sent',
    env: ['MACHINE_BUGSNAG_API_TOKEN'],
    isSecret: true,
  },
}

export const activeFlags = {
  timeout: { kind: 'integer', short: 't', brief: 'Seconds to wait for each machine', default: 10 },
} as const

export const configFlags = {
  swarm: { kind: 'boolean', brief: 'For a Swarm master: address of the manager, not of the engine' },
} as const

export const envFlags = {
  swarm: { kind: 'boolean', brief: 'For a Swarm master: address of the manager, not of the engine' },
  shell: {
    kind: 'string',
    brief: 'fish, cmd, powershell, pwsh, tcsh, emacs, nu or xonsh; any other name means sh (default: the shell in use)',
    default: '',
  },
  unset: { kind: 'boolean', short: 'u', brief: 'Print the lines that clear the variables' },
  'no-proxy': { kind: 'boolean', brief: 'Put the address of the machine into NO_PROXY as well' },
} as const

export const inspectFlags = {
  format: { kind: 'string', short: 'f', brief: 'Go template for the record, in place of JSON', default: '' },
} as const

export const lsFlags = {
  quiet: { kind: 'boolean', short: 'q', brief: 'Print names only' },
  filter: { kind: 'strings', brief: 'Show what matches: driver=, state=, name=, label= or swarm=' },
  timeout: { kind: 'integer', short: 't', brief: 'Seconds to wait for each machine', default: 10 },
  format: {
    kind: 'string',
    short: 'f',
    brief: 'Go template for each machine; starts with "table" for headings',
    default: '',
  },
} as const

export const regenerateCertsFlags = {
  force: { kind: 'boolean', short: 'f', brief: 'Do not ask first' },
  'client-certs': { kind: 'boolean', brief: 'First renew the CA and the client certificate where missing or expired' },
  'rotate-ca': {
    kind: 'boolean',
    brief: 'Replace the CA of the whole store, machine by machine, without a moment of refused certificates',
  },
  'keep-old-ca': { kind: 'boolean', brief: 'With --rotate-ca: go on trusting the old CA until it is run once more' },
} as const

export const rmFlags = {
  force: {
    kind: 'boolean',
    short: 'f',
    brief: 'Drop the record even when the machine itself cannot be removed; implies -y',
  },
  y: {
    kind: 'boolean',
    brief: 'Do not ask first',
  },
} as const

export const snapshotFlags = {
  restore: { kind: 'boolean', brief: 'Bring the machine back to that snapshot' },
  rm: { kind: 'boolean', brief: 'Remove that snapshot' },
} as const

const machine = { name: '[NAME]', complete: 'machine' } as const
const machines = { name: '[NAME...]', complete: 'machine' } as const
const byDefault = 'NAME is a machine; without it, the one called "default".'
const byDefaults = 'Each NAME is a machine; without any, the one called "default".'

/** In the order of docker-machine's help page. */
export const machineCommands: readonly Command[] = [
  defineCommand({
    name: 'active',
    brief: 'Print the machine that DOCKER_HOST points at',
    flags: activeFlags,
    args: [],
    load: () => import('./active.ts'),
  }),
  defineCommand({
    name: 'config',
    brief: 'Print the flags that point a docker CLI at a machine',
    description: byDefault,
    flags: configFlags,
    args: [machine],
    load: () => import('./config.ts'),
  }),
  defineCommand({
    name: 'create',
    brief: 'Create a machine',
    description: "'{program} create --driver NAME --help' lists the flags of that driver too.",
    flags: createFlags,
    args: [{ name: 'NAME...' }],
    moreFlags: async (argv, ctx) => (await import('./driver-flags.ts')).findDriverFlags(argv, ctx),
    load: () => import('./create.ts'),
  }),
  defineCommand({
    name: 'env',
    brief: 'Print shell lines that point Docker clients at a machine',
    description: byDefault,
    flags: envFlags,
    args: [machine],
    load: () => import('./env.ts'),
  }),
  defineCommand({
    name: 'inspect',
    brief: 'Print the record of a machine',
    description: byDefault,
    flags: inspectFlags,
    args: [machine],
    load: () => import('./inspect.ts'),
  }),
  defineCommand({
    name: 'ip',
    brief: 'Print the addresses of machines',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./ip.ts'),
  }),
  defineCommand({
    name: 'kill',
    brief: 'Turn machines off at once',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./kill.ts'),
  }),
  defineCommand({
    name: 'ls',
    brief: 'List machines',
    flags: lsFlags,
    args: [],
    load: () => import('./ls.ts'),
  }),
  {
    name: 'pool',
    brief: 'Machines that come and go with the work',
    flags: {},
    args: [],
    commands: poolCommands,
  },
  defineCommand({
    name: 'provision',
    brief: 'Set machines up once more',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./provision.ts'),
  }),
  defineCommand({
    name: 'regenerate-certs',
    brief: 'Give machines new TLS certificates',
    description: byDefaults,
    flags: regenerateCertsFlags,
    args: [machines],
    load: () => import('./regenerate-certs.ts'),
  }),
  defineCommand({
    name: 'restart',
    brief: 'Restart machines',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./restart.ts'),
  }),
  defineCommand({
    name: 'rm',
    brief: 'Remove machines',
    description: 'Each NAME is a machine.',
    flags: rmFlags,
    args: [{ name: 'NAME...', complete: 'machine' }],
    load: () => import('./rm.ts'),
  }),
  defineCommand({
    name: 'snapshot',
    brief: 'List, take, restore or remove kept states of a machine',
    description: 'Takes the snapshot of that name, with the memory of a machine that runs; without a name lists them.',
    flags: snapshotFlags,
    args: [{ name: 'NAME', complete: 'machine' }, { name: '[SNAPSHOT]' }],
    load: () => import('./snapshot.ts'),
  }),
  defineCommand({
    name: 'ssh',
    brief: 'Log in to a machine or run a command on it',
    description: 'NAME is a machine, "default" without it. What follows goes to ssh as it stands.',
    flags: {},
    args: [machine, { name: '[COMMAND...]' }],
    stopsAtArgument: true,
    load: () => import('./ssh.ts'),
  }),
  ...copyCommands,
  defineCommand({
    name: 'start',
    brief: 'Start machines',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./start.ts'),
  }),
  defineCommand({
    name: 'status',
    brief: 'Print the state of a machine',
    description: byDefault,
    flags: {},
    args: [machine],
    load: () => import('./status.ts'),
  }),
  defineCommand({
    name: 'stop',
    brief: 'Stop machines',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./stop.ts'),
  }),
  defineCommand({
    name: 'upgrade',
    brief: 'Bring the engines of machines up to date',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./upgrade.ts'),
  }),
  defineCommand({
    name: 'url',
    brief: 'Print the address of an engine',
    description: byDefault,
    flags: {},
    args: [machine],
    load: () => import('./url.ts'),
  }),
  defineCommand({
    name: 'version',
    brief: 'Print the version of this program, or of the engine of a machine',
    flags: {},
    args: [machine],
    load: () => import('./version.ts'),
  }),
  ...ownCommands,
]
