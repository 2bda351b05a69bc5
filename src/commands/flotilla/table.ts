import type { Command } from '../../cli/command.ts'
import { defineCommand } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'

/** Flags that stand before the command word. */
export const flotillaGlobals: FlagTable = {
  debug: { kind: 'boolean', short: 'D', brief: 'Say what is being done and show the causes of errors' },
}

export const versionFlags = {
  format: {
    kind: 'string',
    default: 'pretty',
    short: 'f',
    brief: 'Format the output: pretty, json',
    choices: ['pretty', 'json'],
  },
} as const

export const quickstartFlags = {
  'state-dir': {
    kind: 'string',
    default: '/var/lib/flotilla/quickstart',
    env: ['FLOTILLA_QUICKSTART_DIR'],
    placeholder: 'dir',
    brief: 'Folder that holds all that the quickstart makes',
  },
} as const

export const quickstartUpFlags = {
  // Spelt out again: isolatedDeclarations cannot infer a spread.
  'state-dir': {
    kind: 'string',
    default: '/var/lib/flotilla/quickstart',
    env: ['FLOTILLA_QUICKSTART_DIR'],
    placeholder: 'dir',
    brief: 'Folder that holds all that the quickstart makes',
  },
  hosts: { kind: 'integer', default: 3, placeholder: 'n', brief: 'How many hosts to make, 1 to 20' },
  'local-engine-root': {
    kind: 'string',
    placeholder: 'dir|suite',
    brief: "Engine of the hosts: a root tree or a Debian suite; this machine's own when not given",
  },
} as const

const quickstartCommands: readonly Command[] = [
  defineCommand({
    name: 'up',
    brief: 'Make the hosts, the endpoint and the project, or what is missing of them',
    flags: quickstartUpFlags,
    args: [],
    maxArgs: 0,
    load: () => import('./quickstart/up.ts'),
  }),
  defineCommand({
    name: 'down',
    brief: 'Take all of it away',
    flags: quickstartFlags,
    args: [],
    maxArgs: 0,
    load: () => import('./quickstart/down.ts'),
  }),
]

export const failpointsFlags = {} as const

export const discoveryServeFlags = {
  host: {
    kind: 'strings',
    short: 'H',
    default: ['tcp://127.0.0.1:8085'],
    placeholder: 'address',
    brief: 'Address to serve at: tcp://IP:PORT or unix:///PATH',
  },
  state: {
    kind: 'string',
    env: ['FLOTILLA_DISCOVERY_STATE'],
    placeholder: 'file',
    brief: 'File that keeps the tokens over a restart',
  },
  tls: { kind: 'boolean', brief: 'Speak TLS; --tlsverify includes it' },
  tlscacert: { kind: 'string', brief: 'File of the CA that must have signed the certificates of clients' },
  tlscert: { kind: 'string', brief: 'File of our own certificate' },
  tlskey: { kind: 'string', brief: 'File of the key of --tlscert' },
  tlsverify: { kind: 'boolean', brief: 'Speak TLS and demand certificates of the CA from clients' },
  'insecure-plain-http': {
    kind: 'boolean',
    brief: 'Serve other computers without TLS: tokens can be read by all who listen on the network',
  },
} as const

export const completionFlags = {} as const

export const installPluginFlags = {
  force: { kind: 'boolean', brief: 'Put ours in the place of a plugin that is not ours, which is kept' },
  system: { kind: 'boolean', brief: 'For all users, in /usr/local/lib/docker/cli-plugins' },
} as const

export const uninstallPluginFlags = {
  system: { kind: 'boolean', brief: 'For all users, in /usr/local/lib/docker/cli-plugins' },
} as const

/** What `flotilla` has beside the three jobs, in the order of the help page. */
export const flotillaCommands: readonly Command[] = [
  defineCommand({
    name: 'version',
    brief: 'Show the version of this program',
    flags: versionFlags,
    args: [],
    maxArgs: 0,
    load: () => import('./version.ts'),
  }),
  {
    name: 'quickstart',
    brief: 'Three Docker hosts on this machine, one endpoint, a project across them',
    description: 'Makes hosts with the driver `local`, which needs Linux and root.',
    flags: {},
    args: [],
    commands: quickstartCommands,
  },
  {
    name: 'debug',
    brief: 'For those who test this program',
    flags: {},
    args: [],
    commands: [
      defineCommand({
        name: 'failpoints',
        brief: 'List the places at which FLOTILLA_FAILPOINTS can make the program fail',
        description: `A test arms some of them:
  FLOTILLA_FAILPOINTS='create.afterEngineReply=3*kill;file.afterRename=sleep(500)' swarm manage …
Actions: kill, panic, error(TEXT), sleep(MS), return(JSON); N* before one says from which pass on.`,
        flags: failpointsFlags,
        args: [],
        maxArgs: 0,
        load: () => import('./failpoints.ts'),
      }),
    ],
  },
  {
    name: 'discovery',
    brief: 'Keep the lists of engines behind token:// addresses',
    flags: {
      'log-level': {
        kind: 'string',
        default: 'info',
        choices: ['debug', 'info', 'warn', 'error'],
        brief: 'Least serious lines to log: debug, info, warn or error',
      },
      'log-format': {
        kind: 'string',
        default: 'legacy',
        choices: ['legacy', 'text', 'json'],
        brief: 'How lines are logged: legacy as classic Swarm did, text for people, json for programs',
      },
    },
    args: [],
    commands: [
      defineCommand({
        name: 'serve',
        brief: 'Serve the token service of classic Swarm',
        description:
          'Clients: `swarm create --service URL`, and token://http://HOST:PORT/v1/TOKEN in place of token://TOKEN.',
        flags: discoveryServeFlags,
        args: [],
        maxArgs: 0,
        load: () => import('./discovery/serve.ts'),
      }),
    ],
  },
  defineCommand({
    name: 'install-plugin',
    brief: 'Make `docker compose` this program',
    description: 'Writes the plugin into cli-plugins of DOCKER_CONFIG (~/.docker when not set) and prints its path.',
    flags: installPluginFlags,
    args: [],
    maxArgs: 0,
    load: () => import('./plugin/install.ts'),
  }),
  defineCommand({
    name: 'uninstall-plugin',
    brief: 'Take away what install-plugin made',
    description: 'A plugin that `install-plugin --force` took the place of comes back.',
    flags: uninstallPluginFlags,
    args: [],
    maxArgs: 0,
    load: () => import('./plugin/uninstall.ts'),
  }),
  defineCommand({
    name: 'completion',
    brief: 'Print the completion script of a shell',
    description: `Load it in the shell's start-up file, for instance:
  source <(flotilla completion bash docker-machine)
  source <(flotilla completion zsh)
  flotilla completion fish docker-compose | source`,
    flags: completionFlags,
    args: [
      { name: 'bash|zsh|fish', complete: 'shell' },
      { name: '[PROGRAM]', complete: ['flotilla', 'docker-machine', 'docker-compose', 'swarm'] },
    ],
    load: () => import('./completion.ts'),
  }),
]
