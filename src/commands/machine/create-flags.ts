/** Flags of `create` for every driver. */
export const createFlags = {
  driver: {
    kind: 'string',
    short: 'd',
    brief: 'What makes the machine: local, docker, qemu, generic or none (the default is not in this version)',
    default: 'virtualbox',
    env: ['MACHINE_DRIVER'],
  },
  'engine-install-url': {
    kind: 'string',
    brief: 'Script that installs an engine where there is none (default: packages of the distribution, or of Docker)',
    default: 'https://get.docker.com',
    env: ['MACHINE_DOCKER_INSTALL_URL'],
  },
  'engine-version': {
    kind: 'string',
    brief: 'Version of the engine, or the beginning of one such as 28.1 (default: what is there, else the newest)',
    default: '',
    env: ['MACHINE_ENGINE_VERSION'],
  },
  'engine-opt': {
    kind: 'strings',
    brief: 'Flag of dockerd, NAME=VALUE without dashes',
  },
  'engine-insecure-registry': {
    kind: 'strings',
    brief: 'Registry that the engine may use without TLS',
  },
  'engine-registry-mirror': {
    kind: 'strings',
    brief: 'Mirror the engine pulls from first, a URL',
    env: ['ENGINE_REGISTRY_MIRROR'],
  },
  'engine-label': { kind: 'strings', brief: 'Label of the engine, KEY=VALUE' },
  'engine-storage-driver': {
    kind: 'string',
    brief: 'Storage driver of the engine (default: its own choice)',
    default: '',
  },
  'engine-env': { kind: 'strings', brief: 'Environment variable of the engine, NAME=VALUE' },
  swarm: { kind: 'boolean', brief: 'Make the machine a node of a Swarm: run an agent that announces it' },
  'swarm-image': {
    kind: 'string',
    brief: 'Image of the Swarm containers; swarm:latest stands for this very program, which is copied there',
    default: 'swarm:latest',
    env: ['MACHINE_SWARM_IMAGE'],
  },
  'swarm-master': { kind: 'boolean', brief: 'Run the manager of a Swarm on the machine' },
  'swarm-discovery': {
    kind: 'string',
    brief: 'Discovery address of the Swarm, SCHEME://…; needed with --swarm and --swarm-master',
    default: '',
  },
  'swarm-strategy': { kind: 'string', brief: 'Placement strategy of the manager', default: 'spread' },
  'swarm-opt': { kind: 'strings', brief: 'Flag of the manager, NAME=VALUE without dashes' },
  'swarm-join-opt': { kind: 'strings', brief: 'Flag of the agent, NAME=VALUE without dashes' },
  'swarm-host': {
    kind: 'string',
    brief: 'Address the manager listens at',
    default: 'tcp://0.0.0.0:3376',
  },
  'swarm-addr': {
    kind: 'string',
    brief: 'Address the agent announces (default: that of the engine)',
    default: '',
  },
  'swarm-experimental': { kind: 'boolean', brief: 'Experimental mode of manager and agent' },
  'swarm-mode': {
    kind: 'string',
    brief: "Put the engine into a native swarm (Docker's swarm mode) as manager or worker",
    default: '',
  },
  'swarm-join': {
    kind: 'string',
    brief: 'Machine whose native swarm the engine joins (default: a swarm of its own)',
    default: '',
  },
  'tls-san': { kind: 'strings', brief: 'Further name or address that the certificate of the engine is good for' },
  'tls-key-type': {
    kind: 'string',
    brief: 'Keys of new certificates: ecdsa, or rsa for engines and clients too old for curves',
    default: 'ecdsa',
    choices: ['ecdsa', 'rsa'],
    env: ['MACHINE_TLS_KEY_TYPE'],
  },
  rollback: { kind: 'boolean', brief: 'Take away what was made when a later step fails' },
  resume: { kind: 'boolean', brief: 'Go on with a creation of this name that was interrupted; takes no other options' },
} as const
