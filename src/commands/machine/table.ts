import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'

/** Flags that stand before the command word. */
export const machineGlobals: FlagTable = {
  debug: { kind: 'boolean', short: 'D', brief: 'Enable debug mode', env: ['MACHINE_DEBUG'] },
  'storage-path': {
    kind: 'string',
    short: 's',
    brief: 'Configures storage path (default ~/.docker/machine)',
    env: ['MACHINE_STORAGE_PATH'],
  },
  'tls-ca-cert': { kind: 'string', brief: 'CA to verify remotes against', env: ['MACHINE_TLS_CA_CERT'] },
  'tls-ca-key': { kind: 'string', brief: 'Private key to generate certificates', env: ['MACHINE_TLS_CA_KEY'] },
  'tls-client-cert': { kind: 'string', brief: 'Client cert to use for TLS', env: ['MACHINE_TLS_CLIENT_CERT'] },
  'tls-client-key': { kind: 'string', brief: 'Private key used in client TLS auth', env: ['MACHINE_TLS_CLIENT_KEY'] },
  'github-api-token': {
    kind: 'string',
    brief: 'Token to use for requests to the GitHub API',
    env: ['MACHINE_GITHUB_API_TOKEN'],
    isSecret: true,
  },
  'native-ssh': { kind: 'boolean', brief: 'Use the built-in SSH client', env: ['MACHINE_NATIVE_SSH'] },
  'bugsnag-api-token': {
    kind: 'string',
    brief: 'Accepted and ignored: no crash reports are ever sent',
    env: ['MACHINE_BUGSNAG_API_TOKEN'],
    isSecret: true,
  },
}

export const activeFlags = {
  timeout: { kind: 'integer', short: 't', brief: 'Timeout in seconds', default: 10 },
} as const

export const configFlags = {
  swarm: { kind: 'boolean', brief: 'Display the Swarm config instead of the Docker daemon' },
} as const

export const envFlags = {
  swarm: { kind: 'boolean', brief: 'Display the Swarm config instead of the Docker daemon' },
  shell: {
    kind: 'string',
    brief:
      'Force environment to be configured for a specified shell: [fish, cmd, powershell, tcsh, emacs], default is auto-detect',
    default: '',
  },
  unset: { kind: 'boolean', short: 'u', brief: 'Unset variables instead of setting them' },
  'no-proxy': { kind: 'boolean', brief: 'Add machine IP to NO_PROXY environment variable' },
} as const

export const inspectFlags = {
  format: { kind: 'string', short: 'f', brief: 'Format the output using the given go template', default: '' },
} as const

export const lsFlags = {
  quiet: { kind: 'boolean', short: 'q', brief: 'Enable quiet mode' },
  filter: { kind: 'strings', brief: 'Filter output based on conditions provided' },
  timeout: { kind: 'integer', short: 't', brief: 'Timeout in seconds', default: 10 },
  format: { kind: 'string', short: 'f', brief: 'Pretty-print machines using a Go template', default: '' },
} as const

export const regenerateCertsFlags = {
  force: { kind: 'boolean', short: 'f', brief: 'Force rebuild and do not prompt' },
  'client-certs': { kind: 'boolean', brief: 'Also regenerate client certificates and CA' },
} as const

export const rmFlags = {
  force: {
    kind: 'boolean',
    short: 'f',
    brief: 'Remove local configuration even if machine cannot be removed, also implies an automatic yes (`-y`)',
  },
  y: {
    kind: 'boolean',
    brief: 'Assumes automatic yes to proceed with remove, without prompting further user confirmation',
  },
} as const

/** Flags of `create` for every driver. */
export const createFlags = {
  driver: {
    kind: 'string',
    short: 'd',
    brief: 'Driver to create machine with',
    default: 'virtualbox',
    env: ['MACHINE_DRIVER'],
  },
  'engine-install-url': {
    kind: 'string',
    brief: 'Custom URL to use for engine installation',
    default: 'https://get.docker.com',
    env: ['MACHINE_DOCKER_INSTALL_URL'],
  },
  'engine-opt': {
    kind: 'strings',
    brief: 'Specify arbitrary flags to include with the created engine in the form flag=value',
  },
  'engine-insecure-registry': {
    kind: 'strings',
    brief: 'Specify insecure registries to allow with the created engine',
  },
  'engine-registry-mirror': {
    kind: 'strings',
    brief: 'Specify registry mirrors to use',
    env: ['ENGINE_REGISTRY_MIRROR'],
  },
  'engine-label': { kind: 'strings', brief: 'Specify labels for the created engine' },
  'engine-storage-driver': { kind: 'string', brief: 'Specify a storage driver to use with the engine', default: '' },
  'engine-env': { kind: 'strings', brief: 'Specify environment variables to set in the engine' },
  swarm: { kind: 'boolean', brief: 'Configure Machine to join a Swarm cluster' },
  'swarm-image': {
    kind: 'string',
    brief: 'Specify Docker image to use for Swarm',
    default: 'swarm:latest',
    env: ['MACHINE_SWARM_IMAGE'],
  },
  'swarm-master': { kind: 'boolean', brief: 'Configure Machine to be a Swarm master' },
  'swarm-discovery': { kind: 'string', brief: 'Discovery service to use with Swarm', default: '' },
  'swarm-strategy': { kind: 'string', brief: 'Define a default scheduling strategy for Swarm', default: 'spread' },
  'swarm-opt': { kind: 'strings', brief: 'Define arbitrary flags for Swarm master' },
  'swarm-join-opt': { kind: 'strings', brief: 'Define arbitrary flags for Swarm join' },
  'swarm-host': {
    kind: 'string',
    brief: 'ip/socket to listen on for Swarm master',
    default: 'tcp://0.0.0.0:3376',
  },
  'swarm-addr': {
    kind: 'string',
    brief: 'addr to advertise for Swarm (default: detect and use the machine IP)',
    default: '',
  },
  'swarm-experimental': { kind: 'boolean', brief: 'Enable Swarm experimental features' },
  'tls-san': { kind: 'strings', brief: 'Support extra SANs for TLS certs' },
  'tls-key-type': {
    kind: 'string',
    brief: 'Keys of new certificates: ecdsa, or rsa for engines and clients too old for curves',
    default: 'ecdsa',
    choices: ['ecdsa', 'rsa'],
    env: ['MACHINE_TLS_KEY_TYPE'],
  },
  rollback: { kind: 'boolean', brief: 'Remove what was made when the machine cannot be created' },
} as const

const machine = { name: '[NAME]', complete: 'machine' } as const
const machines = { name: '[NAME...]', complete: 'machine' } as const
const byDefault = 'Argument is a machine name; the machine called "default" when there is none.'
const byDefaults = 'Arguments are one or more machine names; the machine called "default" when there is none.'

/** In the order of docker-machine's help page. */
export const machineCommands: readonly Command[] = [
  defineCommand({
    name: 'active',
    brief: 'Print which machine is active',
    flags: activeFlags,
    args: [],
    load: () => import('./active.ts'),
  }),
  defineCommand({
    name: 'config',
    brief: 'Print the connection config for machine',
    description: byDefault,
    flags: configFlags,
    args: [machine],
    load: () => import('./config.ts'),
  }),
  defineCommand({
    name: 'create',
    brief: 'Create a machine',
    description:
      "Run '{program} create --driver NAME --help' to include the create flags for that driver in the help text.",
    flags: createFlags,
    args: [{ name: 'NAME' }],
    moreFlags: async (argv, ctx) => (await import('./driver-flags.ts')).findDriverFlags(argv, ctx),
    load: () => import('./create.ts'),
  }),
  defineCommand({
    name: 'env',
    brief: 'Display the commands to set up the environment for the Docker client',
    description: byDefault,
    flags: envFlags,
    args: [machine],
    load: () => import('./env.ts'),
  }),
  defineCommand({
    name: 'inspect',
    brief: 'Inspect information about a machine',
    description: byDefault,
    flags: inspectFlags,
    args: [machine],
    load: () => import('./inspect.ts'),
  }),
  defineCommand({
    name: 'ip',
    brief: 'Get the IP address of a machine',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./ip.ts'),
  }),
  defineCommand({
    name: 'kill',
    brief: 'Kill a machine',
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
  defineCommand({
    name: 'provision',
    brief: 'Re-provision existing machines',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./provision.ts'),
  }),
  defineCommand({
    name: 'regenerate-certs',
    brief: 'Regenerate TLS Certificates for a machine',
    description: byDefaults,
    flags: regenerateCertsFlags,
    args: [machines],
    load: () => import('./regenerate-certs.ts'),
  }),
  defineCommand({
    name: 'restart',
    brief: 'Restart a machine',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./restart.ts'),
  }),
  defineCommand({
    name: 'rm',
    brief: 'Remove a machine',
    description: 'Arguments are one or more machine names.',
    flags: rmFlags,
    args: [{ name: 'NAME...', complete: 'machine' }],
    load: () => import('./rm.ts'),
  }),
  defineCommand({
    name: 'ssh',
    brief: 'Log into or run a command on a machine with SSH.',
    description: 'Arguments are [machine-name] [command]',
    flags: {},
    args: [machine, { name: '[COMMAND...]' }],
    stopsAtArgument: true,
    load: () => import('./ssh.ts'),
  }),
  defineCommand({
    name: 'start',
    brief: 'Start a machine',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./start.ts'),
  }),
  defineCommand({
    name: 'status',
    brief: 'Get the status of a machine',
    description: byDefault,
    flags: {},
    args: [machine],
    load: () => import('./status.ts'),
  }),
  defineCommand({
    name: 'stop',
    brief: 'Stop a machine',
    description: byDefaults,
    flags: {},
    args: [machines],
    load: () => import('./stop.ts'),
  }),
  defineCommand({
    name: 'url',
    brief: 'Get the URL of a machine',
    description: byDefault,
    flags: {},
    args: [machine],
    load: () => import('./url.ts'),
  }),
  defineCommand({
    name: 'version',
    brief: 'Show the Docker Machine version or a machine docker version',
    flags: {},
    args: [machine],
    load: () => import('./version.ts'),
  }),
]
