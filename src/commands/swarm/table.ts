import type { Command } from '../../cli/command.ts'
import { defineCommand } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'

/** Flags that stand before the command word. */
export const swarmGlobals: FlagTable = {
  debug: { kind: 'boolean', brief: 'debug mode', env: ['DEBUG'] },
  'log-level': {
    kind: 'string',
    short: 'l',
    default: 'info',
    brief: 'Log level (options: debug, info, warn, error, fatal, panic)',
  },
  experimental: { kind: 'boolean', brief: 'enable experimental features' },
}

const discoveryArguments = `Arguments:
   <discovery>    discovery service to use [$SWARM_DISCOVERY]
                   * token://<token>
                   * consul://<ip>/<path>
                   * etcd://<ip1>,<ip2>/<path>
                   * file://path/to/file
                   * zk://<ip1>,<ip2>/<path>
                   * [nodes://]<ip1>,<ip2>`

export const listFlags = {
  timeout: { kind: 'string', default: '10s', brief: 'timeout period', placeholder: 'duration' },
  'discovery-opt': { kind: 'strings', brief: 'discovery options', placeholder: 'key=value' },
} as const

export const manageFlags = {
  strategy: { kind: 'string', default: 'spread', brief: 'placement strategy to use [spread, binpack, random]' },
  filter: {
    kind: 'strings',
    short: 'f',
    default: ['health', 'port', 'containerslots', 'dependency', 'affinity', 'constraint', 'whitelist'],
    brief: 'filter to use [health, port, containerslots, dependency, affinity, constraint, whitelist]',
  },
  host: {
    kind: 'strings',
    short: 'H',
    env: ['SWARM_HOST'],
    default: ['tcp://127.0.0.1:2375'],
    brief: 'ip/socket to listen on',
  },
  replication: { kind: 'boolean', brief: 'Enable Swarm manager replication' },
  'replication-ttl': { kind: 'string', default: '20s', brief: 'Leader lock release time on failure' },
  advertise: {
    kind: 'string',
    aliases: ['addr'],
    env: ['SWARM_ADVERTISE'],
    brief:
      'Address of the swarm manager joining the cluster. Other swarm manager(s) MUST be able to reach the swarm manager at this address.',
  },
  tls: { kind: 'boolean', brief: 'use TLS; implied by --tlsverify=true' },
  tlscacert: { kind: 'string', brief: 'trust only remotes providing a certificate signed by the CA given here' },
  tlscert: { kind: 'string', brief: 'path to TLS certificate file' },
  tlskey: { kind: 'string', brief: 'path to TLS key file' },
  tlsverify: { kind: 'boolean', brief: 'use TLS and verify the remote' },
  'engine-refresh-min-interval': { kind: 'string', default: '30s', brief: 'set engine refresh minimum interval' },
  'engine-refresh-max-interval': { kind: 'string', default: '60s', brief: 'set engine refresh maximum interval' },
  'engine-failure-retry': { kind: 'integer', default: 3, brief: 'set engine failure retry count' },
  'engine-refresh-retry': { kind: 'integer', default: 3, brief: 'deprecated; replaced by --engine-failure-retry' },
  heartbeat: { kind: 'string', default: '60s', brief: 'period between each heartbeat' },
  'api-enable-cors': { kind: 'boolean', aliases: ['cors'], brief: 'enable CORS headers in the remote API' },
  'cluster-driver': { kind: 'string', short: 'c', default: 'swarm', brief: 'cluster driver to use [swarm]' },
  'discovery-opt': { kind: 'strings', brief: 'discovery options', placeholder: 'key=value' },
  'cluster-opt': { kind: 'strings', brief: 'cluster driver options', placeholder: 'key=value' },
  'refresh-on-node-filter': {
    kind: 'boolean',
    brief: 'If true, refresh engine before responding to container list requests with a node filter',
  },
  'container-name-refresh-filter': {
    kind: 'string',
    default: '',
    brief: 'If non-empty, containers matching the name filter cause all engines to be refreshed',
  },
} as const

/** What classic Swarm's `join` took, so that an old line is refused for the right reason. */
export const joinFlags = {
  advertise: { kind: 'string', aliases: ['addr'], env: ['SWARM_ADVERTISE'], brief: 'address of the engine' },
  heartbeat: { kind: 'string', brief: 'period between each heartbeat' },
  ttl: { kind: 'string', brief: 'limit of the registration' },
  delay: { kind: 'string', brief: 'random delay before the first registration' },
  'discovery-opt': { kind: 'strings', brief: 'discovery options' },
} as const

/** In the order of the help page. */
export const swarmCommands: readonly Command[] = [
  defineCommand({
    name: 'list',
    aliases: ['l'],
    brief: 'List nodes in a cluster',
    description: discoveryArguments,
    flags: listFlags,
    args: [{ name: '<discovery>' }],
    load: () => import('./list.ts'),
  }),
  defineCommand({
    name: 'manage',
    aliases: ['m'],
    brief: 'Manage a docker cluster',
    description: `${discoveryArguments}

Cluster options:
   * swarm.overcommit=0.05     overcommit to apply on resources
   * swarm.createretry=0       container create retry count after initial failure`,
    flags: manageFlags,
    args: [{ name: '<discovery>' }],
    load: () => import('./manage.ts'),
  }),
  defineCommand({
    name: 'join',
    aliases: ['j'],
    brief: 'Join a docker cluster',
    hidden: true,
    flags: joinFlags,
    args: [{ name: '<discovery>' }],
    load: () => import('./join.ts'),
  }),
  defineCommand({
    name: 'create',
    aliases: ['c'],
    brief: 'Create a cluster',
    hidden: true,
    flags: {},
    args: [],
    load: () => import('./create.ts'),
  }),
]
