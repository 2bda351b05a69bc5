/** Flags of the commands that classic Swarm had: each table has a type of its own. */

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
      'Option of the discovery back end: kv.path, kv.token, kv.namespace, kv.api, kv.cacertfile, kv.certfile, kv.keyfile, token.service',
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
    brief: 'Shortest time between two full readings of an engine; longer in proportion from 1,000 engines on',
  },
  'engine-refresh-max-interval': {
    kind: 'string',
    default: '60s',
    brief: 'Longest time between two full readings of an engine; longer in proportion from 1,000 engines on',
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
      'Option of the discovery back end: kv.path, kv.token, kv.namespace, kv.api, kv.cacertfile, kv.certfile, kv.keyfile, kv.known, token.service',
    placeholder: 'key=value',
  },
  'cluster-opt': {
    kind: 'strings',
    brief:
      'Setting of the cluster; the defaults: swarm.audit= (no audit log), swarm.audit.required=false, swarm.audit.size=512m, swarm.overcommit=0.05, swarm.createretry=0, swarm.distribution=peer, swarm.overlay=off, swarm.ports=node, swarm.remember=1h, swarm.reschedule.observers=any, swarm.reschedule.volumes=hold, swarm.wait=0s; swarm.access=FILE says who may do what; swarm.limit.NAME=VALUE sets a limit',
    placeholder: 'key=value',
  },
  'state-dir': {
    kind: 'string',
    env: ['SWARM_STATE_DIR'],
    brief:
      'Folder for what must outlive the manager: containers to reschedule, drained nodes, engines; for one manager only',
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
      'Option of the discovery back end: kv.path, kv.token, kv.namespace, kv.api, kv.cacertfile, kv.certfile, kv.keyfile, token.service',
    placeholder: 'key=value',
  },
} as const
