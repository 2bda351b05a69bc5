import type { Command } from '../../cli/command.ts'
import { defineCommand } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'

/** Flags that stand before the command word. */
export const swarmGlobals: FlagTable = {
  debug: {
    kind: 'boolean',
    brief: 'Log everything, as --log-level debug does, and serve /debug/pprof',
    env: ['DEBUG'],
    // Many programs give this variable a meaning of their own.
    sharesEnv: true,
  },
  'log-level': {
    kind: 'string',
    short: 'l',
    default: 'info',
    brief: 'Least serious lines to log: debug, info, warn, error, fatal or panic',
  },
  'log-format': {
    kind: 'string',
    default: 'legacy',
    choices: ['legacy', 'text', 'json'],
    brief: 'How lines are logged: legacy as classic Swarm did, text for people, json for programs',
  },
  experimental: { kind: 'boolean', brief: 'Say "experimental" in /info and /version; nothing else changes' },
}

const discoveryArguments = `Arguments:
   <discovery>    where the addresses of the engines come from [$SWARM_DISCOVERY]
                   * token://<token>
                   * consul://<ip>/<path>
                   * etcd://<ip1>,<ip2>/<path>
                   * file://path/to/file
                   * zk://<ip1>,<ip2>/<path>
                   * [nodes://]<ip1>,<ip2>`

export const createFlags = {
  service: {
    kind: 'string',
    env: ['SWARM_DISCOVERY_SERVICE'],
    placeholder: 'url',
    brief: 'Token service to ask, for instance http://HOST:8085 of `flotilla discovery serve`',
  },
  tlscacert: {
    kind: 'string',
    brief: "File of the CA that signed the service's certificate; those of the system else",
  },
} as const

export const listFlags = {
  timeout: {
    kind: 'string',
    default: '10s',
    brief: 'How long to wait for the first answer, for instance 90s or 2m',
    placeholder: 'duration',
  },
  'discovery-opt': {
    kind: 'strings',
    brief:
      'Option of the discovery back end: kv.path, kv.token, kv.api, kv.cacertfile, kv.certfile, kv.keyfile, token.service',
    placeholder: 'key=value',
  },
} as const

export const manageFlags = {
  strategy: {
    kind: 'string',
    default: 'spread',
    brief: 'How a node is chosen for a container: spread, binpack, random, or the name of a plug-in',
  },
  filter: {
    kind: 'strings',
    short: 'f',
    default: ['health', 'port', 'containerslots', 'dependency', 'affinity', 'constraint', 'whitelist'],
    brief: 'Conditions that nodes must meet, in this order; naming one replaces the whole list',
  },
  host: {
    kind: 'strings',
    short: 'H',
    env: ['SWARM_HOST'],
    default: ['tcp://127.0.0.1:2375'],
    brief: 'Address to serve the API at: tcp://IP:PORT or unix:///PATH',
  },
  replication: { kind: 'boolean', brief: 'Be one of several managers, of which one leads; needs --advertise' },
  'replication-ttl': {
    kind: 'string',
    default: '20s',
    brief: 'How long a leader that died is still believed in, with --replication',
  },
  advertise: {
    kind: 'string',
    aliases: ['addr'],
    env: ['SWARM_ADVERTISE'],
    brief: 'Address of this manager for other managers, HOST:PORT',
  },
  tls: { kind: 'boolean', brief: 'Speak TLS to clients and engines; --tlsverify includes it' },
  tlscacert: { kind: 'string', brief: 'File of the CA that must have signed the certificates of the others' },
  tlscert: { kind: 'string', brief: 'File of our own certificate' },
  tlskey: { kind: 'string', brief: 'File of the key of --tlscert' },
  tlsverify: { kind: 'boolean', brief: 'Speak TLS and demand certificates of the CA from clients and engines' },
  'engine-refresh-min-interval': {
    kind: 'string',
    default: '30s',
    brief: 'Shortest time between two full readings of an engine',
  },
  'engine-refresh-max-interval': {
    kind: 'string',
    default: '60s',
    brief: 'Longest time between two full readings of an engine',
  },
  'engine-failure-retry': {
    kind: 'integer',
    default: 3,
    brief: 'Failures in a row after which an engine counts as unhealthy',
  },
  'engine-refresh-retry': {
    kind: 'integer',
    default: 3,
    brief: 'Old name of --engine-failure-retry; anything but 3 is refused',
  },
  heartbeat: {
    kind: 'string',
    default: '60s',
    brief:
      'Time between two looks at a discovery that is polled, and before one that broke is tried again; at least 1s',
  },
  'api-enable-cors': {
    kind: 'boolean',
    aliases: ['cors'],
    brief: 'Let web pages of other sites call the API (CORS headers)',
  },
  'cluster-driver': { kind: 'string', short: 'c', default: 'swarm', brief: 'Only swarm is possible' },
  'discovery-opt': {
    kind: 'strings',
    brief:
      'Option of the discovery back end: kv.path, kv.token, kv.api, kv.cacertfile, kv.certfile, kv.keyfile, token.service',
    placeholder: 'key=value',
  },
  'cluster-opt': {
    kind: 'strings',
    brief:
      'Setting of the cluster; the defaults: swarm.overcommit=0.05, swarm.createretry=0, swarm.distribution=peer, swarm.overlay=off, swarm.reschedule.volumes=hold, swarm.wait=0s',
    placeholder: 'key=value',
  },
  'state-dir': {
    kind: 'string',
    env: ['SWARM_STATE_DIR'],
    brief: 'Folder for what must outlive the manager: containers to reschedule, drained nodes; for one manager only',
    placeholder: 'folder',
  },
  'refresh-on-node-filter': {
    kind: 'boolean',
    brief: 'Read a node afresh before containers are listed with the filter node=NAME',
  },
  'container-name-refresh-filter': {
    kind: 'string',
    default: '',
    brief: 'Read all nodes afresh before containers are listed with exactly this name= filter',
  },
} as const

export const joinFlags = {
  advertise: {
    kind: 'string',
    aliases: ['addr'],
    env: ['SWARM_ADVERTISE'],
    brief: 'Address of the engine as the managers reach it, HOST:PORT',
  },
  heartbeat: { kind: 'string', default: '60s', brief: 'Time between two registrations; at least 1s' },
  ttl: { kind: 'string', default: '180s', brief: 'How long a registration lasts; longer than the heartbeat' },
  delay: { kind: 'string', default: '0s', brief: 'Longest random wait before the first registration' },
  'discovery-opt': {
    kind: 'strings',
    brief:
      'Option of the discovery back end: kv.path, kv.token, kv.api, kv.cacertfile, kv.certfile, kv.keyfile, token.service',
    placeholder: 'key=value',
  },
} as const

/** Flags of commands that talk to an endpoint: written out, since each table needs a type of its own. */
export const nodesFlags = {
  host: {
    kind: 'string',
    short: 'H',
    brief:
      'Endpoint of the cluster; else DOCKER_HOST, the docker context or the local socket, with TLS as docker has it',
    placeholder: 'address',
  },
  format: { kind: 'string', default: 'table', choices: ['table', 'json'], brief: 'Print a table or JSON' },
} as const

export const undrainFlags = {
  host: {
    kind: 'string',
    short: 'H',
    brief:
      'Endpoint of the cluster; else DOCKER_HOST, the docker context or the local socket, with TLS as docker has it',
    placeholder: 'address',
  },
} as const

export const drainFlags = {
  host: {
    kind: 'string',
    short: 'H',
    brief:
      'Endpoint of the cluster; else DOCKER_HOST, the docker context or the local socket, with TLS as docker has it',
    placeholder: 'address',
  },
  force: { kind: 'boolean', short: 'f', brief: 'Move containers without a reschedule policy too' },
  timeout: {
    kind: 'string',
    default: '0s',
    brief: 'Wait this long until all that may leave has left; 0s: do not wait',
    placeholder: 'duration',
  },
} as const

export const rebalanceFlags = {
  host: {
    kind: 'string',
    short: 'H',
    brief:
      'Endpoint of the cluster; else DOCKER_HOST, the docker context or the local socket, with TLS as docker has it',
    placeholder: 'address',
  },
  plan: { kind: 'boolean', brief: 'Only print what would be moved; this is what happens without --apply too' },
  apply: { kind: 'boolean', brief: 'Move the containers' },
  by: {
    kind: 'string',
    default: 'containers',
    choices: ['containers', 'resources'],
    brief: 'What is evened out: numbers of containers, or reserved CPUs and memory',
  },
  threshold: { kind: 'integer', brief: 'Difference that is not worth a move: containers (1) or percent (10)' },
  format: { kind: 'string', default: 'table', choices: ['table', 'json'], brief: 'Print a table or JSON' },
} as const

export const explainFlags = {
  host: {
    kind: 'string',
    short: 'H',
    brief:
      'Endpoint of the cluster; else DOCKER_HOST, the docker context or the local socket, with TLS as docker has it',
    placeholder: 'address',
  },
  format: { kind: 'string', default: 'table', choices: ['table', 'json'], brief: 'How to print the answer' },
  file: {
    kind: 'string',
    short: 'f',
    placeholder: 'file',
    brief: 'Body of a create call as JSON, - for the standard input; flags add to it',
  },
  env: { kind: 'strings', short: 'e', brief: 'Condition or variable, as docker run takes it: constraint:storage==ssd' },
  label: { kind: 'strings', short: 'l', brief: 'Label, KEY=VALUE' },
  memory: { kind: 'string', short: 'm', brief: 'Memory limit, for instance 512m', placeholder: 'bytes' },
  'cpu-shares': { kind: 'number', short: 'c', brief: 'CPUs set aside, as in classic Swarm' },
  cpus: { kind: 'number', brief: 'CPU limit; may be a fraction' },
  gpus: { kind: 'string', brief: 'GPUs: all, a number, or device=ID,ID' },
  publish: { kind: 'strings', short: 'p', brief: 'Published port, [[IP:]HOST:]CONTAINER[/PROTOCOL]' },
  network: { kind: 'string', aliases: ['net'], brief: 'Network, host, or container:NAME' },
  volume: { kind: 'strings', short: 'v', brief: 'Bind or volume, SOURCE:TARGET' },
  'volumes-from': { kind: 'strings', brief: 'Container whose volumes are used' },
  link: { kind: 'strings', brief: 'Linked container, NAME[:ALIAS]' },
  name: { kind: 'string', default: '', brief: 'Name of the container' },
  platform: { kind: 'string', default: '', brief: 'Operating system and architecture, linux/arm64' },
} as const

export const simulateFlags = {
  host: {
    kind: 'string',
    short: 'H',
    brief:
      'Endpoint of the cluster; else DOCKER_HOST, the docker context or the local socket, with TLS as docker has it',
    placeholder: 'address',
  },
  format: { kind: 'string', default: 'table', choices: ['table', 'json'], brief: 'How to print the answer' },
  record: { kind: 'boolean', brief: 'Print the cluster behind the endpoint, a JSON line per node, for --cluster' },
  cluster: { kind: 'string', placeholder: 'file', brief: 'Start from a recorded cluster; - for the standard input' },
  nodes: { kind: 'integer', default: 0, brief: 'Start from so many equal empty nodes, node-1 and so on' },
  cpus: { kind: 'number', default: 8, brief: 'CPUs of each of these nodes' },
  memory: { kind: 'string', default: '16g', brief: 'Memory of each of these nodes', placeholder: 'bytes' },
  gpus: { kind: 'integer', default: 0, brief: 'GPUs of each of these nodes' },
  label: { kind: 'strings', short: 'l', brief: 'Label of these nodes, KEY=VALUE; values A|B|C are dealt out in turn' },
  overcommit: { kind: 'number', default: 0.05, brief: 'As swarm.overcommit of manage, for these nodes' },
  events: { kind: 'string', placeholder: 'file', brief: 'What happens, a JSON line each; - for the standard input' },
  containers: { kind: 'integer', default: 0, brief: 'Then create so many equal containers' },
  'container-cpus': { kind: 'number', default: 0, brief: 'CPUs of each of these containers' },
  'container-memory': {
    kind: 'string',
    default: '0',
    brief: 'Memory of each of these containers',
    placeholder: 'bytes',
  },
  env: { kind: 'strings', short: 'e', brief: 'Condition of these containers: constraint:zone==a' },
  fail: { kind: 'strings', brief: 'Node that fails at the end; its containers are placed again' },
  'reschedule-all': { kind: 'boolean', brief: 'Place again also containers without a reschedule policy' },
  strategy: { kind: 'string', default: 'spread', brief: 'How a node is chosen: spread, binpack or random' },
  filter: {
    kind: 'strings',
    default: ['health', 'port', 'containerslots', 'dependency', 'affinity', 'constraint', 'whitelist'],
    brief: 'Conditions that nodes must meet, in this order; naming one replaces the whole list',
  },
  seed: { kind: 'integer', default: 1, brief: 'Start of the draws of the strategy random' },
  'per-node': { kind: 'boolean', brief: 'Print each node too' },
} as const

/** In the order of the help page. */
export const swarmCommands: readonly Command[] = [
  defineCommand({
    name: 'create',
    aliases: ['c'],
    brief: 'Ask a token service for the token of a new cluster',
    flags: createFlags,
    args: [],
    load: () => import('./create.ts'),
  }),
  defineCommand({
    name: 'list',
    aliases: ['l'],
    brief: 'Print the addresses that discovery yields',
    description: discoveryArguments,
    flags: listFlags,
    args: [{ name: '<discovery>' }],
    load: () => import('./list.ts'),
  }),
  defineCommand({
    name: 'manage',
    aliases: ['m'],
    brief: 'Serve one Docker API for all engines of a cluster',
    description: discoveryArguments,
    afterFlags: `    * swarm.overcommit=0.05     overcommit to apply on resources
    * swarm.createretry=0       container create retry count after initial failure`,
    flags: manageFlags,
    args: [{ name: '<discovery>' }],
    load: () => import('./manage.ts'),
  }),
  defineCommand({
    name: 'join',
    aliases: ['j'],
    brief: 'Announce an engine to discovery, again and again',
    description: discoveryArguments,
    flags: joinFlags,
    args: [{ name: '<discovery>' }],
    load: () => import('./join.ts'),
  }),
  defineCommand({
    name: 'nodes',
    brief: 'List the nodes of a running cluster, or show one',
    flags: nodesFlags,
    args: [{ name: '[NODE]' }],
    load: () => import('./nodes.ts'),
  }),
  defineCommand({
    name: 'drain',
    brief: 'Give a node nothing new, and move what has a reschedule policy to other nodes',
    flags: drainFlags,
    args: [{ name: 'NODE' }],
    load: () => import('./drain.ts'),
  }),
  defineCommand({
    name: 'cordon',
    brief: 'Give a node nothing new; what is there stays',
    flags: undrainFlags,
    args: [{ name: 'NODE' }],
    load: () => import('./cordon.ts'),
  }),
  defineCommand({
    name: 'undrain',
    brief: 'Take a node back into service after drain or cordon',
    flags: undrainFlags,
    args: [{ name: 'NODE' }],
    load: () => import('./undrain.ts'),
  }),
  defineCommand({
    name: 'rebalance',
    brief: 'Even out the nodes by moving containers that have a reschedule policy',
    flags: rebalanceFlags,
    args: [],
    load: () => import('./rebalance.ts'),
  }),
  defineCommand({
    name: 'explain',
    brief: 'Say where a container would go, and what stands against each node',
    description: 'Asks a running `swarm manage`. Nothing is created. Exit code 1: no node can take the container.',
    flags: explainFlags,
    args: [{ name: '[IMAGE]' }],
    stopsAtArgument: true,
    load: () => import('./explain.ts'),
  }),
  defineCommand({
    name: 'simulate',
    brief: 'Play creates and failures over a recorded or described cluster',
    description: `Each line of --events is one of

   {"create": {"Image": "nginx", "HostConfig": {"Memory": 1000000}}, "name": "web", "count": 3}
   {"remove": "web-2"}
   {"fail": "node-1"}

with the body of a create call in "create". Exit code 1: not all containers were placed.`,
    flags: simulateFlags,
    args: [],
    load: () => import('./simulate.ts'),
  }),
]
