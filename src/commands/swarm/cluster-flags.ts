/** Flags of the commands that ask a running cluster: written out, since each table needs a type of its own. */

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
