// What a Compose file may contain, field by field: the input of scripts/gen-validators.mjs.
//
// One table for every version of the format (v2.x, v3.x and the specification are one language; the version
// is ignored), written in the order of the specification's pages. Values may still hold their short forms and
// texts in place of numbers and booleans; meaning is checked later.

const text = { type: 'string' }
const whole = { type: ['integer', 'string'] }
const number = { type: ['number', 'string'] }
const flag = { type: ['boolean', 'string'] }
const scalar = { type: ['string', 'number', 'boolean'] }

/** An object with fixed fields; `x-` fields pass everywhere. */
function object(properties, required = []) {
  return {
    type: 'object',
    properties,
    patternProperties: { '^x-': {} },
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
  }
}

/** The same without `x-` fields. */
function plainObject(properties, required = []) {
  return { type: 'object', properties, additionalProperties: false, ...(required.length === 0 ? {} : { required }) }
}

const orNull = (schema) => ({ ...schema, type: [schema.type, 'null'].flat() })
const oneOf = (...schemas) => ({ oneOf: schemas })
const word = (...words) => ({ type: 'string', enum: words })
const list = (items) => ({ type: 'array', items })
const set = (items) => ({ type: 'array', items, uniqueItems: true })
const use = (name) => ({ $ref: `#/definitions/${name}` })

const resourceName = '^[a-zA-Z0-9._-]+$'

/** A map whose keys the user names; `isOpen`: other names are let through unchecked. */
function named(schema, { pattern = resourceName, isOpen = false } = {}) {
  return {
    type: 'object',
    patternProperties: { [pattern]: schema },
    ...(isOpen ? {} : { additionalProperties: false }),
  }
}

const options = named({ type: ['string', 'number'] }, { pattern: '^.+$', isOpen: true })

const definitions = {
  strings: set(text),
  textOrStrings: oneOf(text, use('strings')),
  pairs: oneOf(named({ type: ['string', 'number', 'boolean', 'null'] }, { pattern: '.+' }), set(text)),
  hosts: oneOf(named(oneOf(text, list(text)), { pattern: '.+' }), set(text)),
  command: oneOf({ type: 'null' }, text, list(text)),
  ulimits: named(oneOf(whole, object({ hard: whole, soft: whole }, ['soft', 'hard'])), {
    pattern: '^[a-z]+$',
    isOpen: true,
  }),
  fileReferences: list(oneOf(text, object({ source: text, target: text, uid: text, gid: text, mode: number }))),
  hook: object(
    { command: use('command'), user: text, privileged: flag, working_dir: text, environment: use('pairs') },
    ['command'],
  ),
  init: object(
    {
      image: text,
      command: use('command'),
      user: text,
      privileged: flag,
      working_dir: text,
      environment: use('pairs'),
      per_replica: flag,
    },
    ['command'],
  ),
  throttles: list(plainObject({ path: text, rate: whole })),
  devices: list(
    object(
      {
        capabilities: use('strings'),
        count: { type: ['string', 'integer'] },
        device_ids: use('strings'),
        driver: text,
        options: use('pairs'),
      },
      ['capabilities'],
    ),
  ),
  updateConfig: object({
    parallelism: whole,
    delay: text,
    failure_action: text,
    monitor: text,
    max_failure_ratio: number,
    order: word('start-first', 'stop-first'),
  }),
}

definitions.build = oneOf(
  text,
  object({
    context: text,
    dockerfile: text,
    dockerfile_inline: text,
    entitlements: list(text),
    args: use('pairs'),
    ssh: use('pairs'),
    labels: use('pairs'),
    cache_from: list(text),
    cache_to: list(text),
    no_cache: flag,
    no_cache_filter: use('textOrStrings'),
    additional_contexts: use('pairs'),
    network: text,
    provenance: { type: ['string', 'boolean'] },
    sbom: { type: ['string', 'boolean'] },
    pull: flag,
    target: text,
    shm_size: whole,
    extra_hosts: use('hosts'),
    isolation: text,
    privileged: flag,
    secrets: use('fileReferences'),
    tags: list(text),
    ulimits: use('ulimits'),
    platforms: list(text),
  }),
)

definitions.deploy = orNull(
  object({
    mode: text,
    endpoint_mode: text,
    replicas: whole,
    labels: use('pairs'),
    rollback_config: use('updateConfig'),
    update_config: use('updateConfig'),
    resources: object({
      limits: object({ cpus: number, memory: text, pids: whole }),
      reservations: object({
        cpus: number,
        memory: text,
        generic_resources: list(object({ discrete_resource_spec: object({ kind: text, value: number }) })),
        devices: use('devices'),
      }),
    }),
    restart_policy: object({ condition: text, delay: text, max_attempts: whole, window: text }),
    placement: object({
      constraints: list(text),
      preferences: list(object({ spread: text })),
      max_replicas_per_node: whole,
    }),
  }),
)

definitions.develop = orNull(
  object({
    watch: list(
      object(
        {
          ignore: use('textOrStrings'),
          include: use('textOrStrings'),
          path: text,
          action: word('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec'),
          target: text,
          exec: use('hook'),
          initial_sync: { type: 'boolean' },
        },
        ['path', 'action'],
      ),
    ),
  }),
)

definitions.healthcheck = object({
  disable: flag,
  interval: text,
  retries: number,
  test: oneOf(text, list(text)),
  timeout: text,
  start_period: text,
  start_interval: text,
})

definitions.mount = oneOf(
  text,
  object(
    {
      type: word('bind', 'volume', 'tmpfs', 'cluster', 'npipe', 'image'),
      source: text,
      target: text,
      read_only: flag,
      consistency: text,
      bind: object({
        propagation: text,
        create_host_path: flag,
        recursive: word('enabled', 'disabled', 'writable', 'readonly'),
        selinux: word('z', 'Z'),
      }),
      volume: object({ labels: use('pairs'), nocopy: flag, subpath: text }),
      tmpfs: object({ size: oneOf({ type: 'integer', minimum: 0 }, text), mode: number }),
      image: object({ subpath: text }),
    },
    ['type'],
  ),
)

definitions.port = oneOf(
  { type: 'number' },
  text,
  object({
    name: text,
    mode: text,
    host_ip: text,
    target: whole,
    published: { type: ['string', 'integer'] },
    protocol: text,
    app_protocol: text,
  }),
)

definitions.endpoint = oneOf(
  object({
    aliases: use('strings'),
    interface_name: text,
    ipv4_address: text,
    ipv6_address: text,
    link_local_ips: use('strings'),
    mac_address: text,
    driver_opts: options,
    priority: { type: 'number' },
    gw_priority: { type: 'number' },
  }),
  { type: 'null' },
)

definitions.dependencies = oneOf(
  use('strings'),
  named(
    object(
      {
        restart: flag,
        required: { type: 'boolean' },
        condition: word('service_started', 'service_healthy', 'service_completed_successfully'),
      },
      ['condition'],
    ),
  ),
)

definitions.service = object({
  annotations: use('pairs'),
  attach: flag,
  build: use('build'),
  blkio_config: plainObject({
    device_read_bps: use('throttles'),
    device_read_iops: use('throttles'),
    device_write_bps: use('throttles'),
    device_write_iops: use('throttles'),
    weight: whole,
    weight_device: list(plainObject({ path: text, weight: whole })),
  }),
  cap_add: set(text),
  cap_drop: set(text),
  cgroup: word('host', 'private'),
  cgroup_parent: text,
  command: use('command'),
  configs: use('fileReferences'),
  container_name: { type: 'string', pattern: '[a-zA-Z0-9][a-zA-Z0-9_.-]+' },
  cpu_count: oneOf(text, { type: 'integer', minimum: 0 }),
  cpu_percent: oneOf(text, { type: 'integer', minimum: 0, maximum: 100 }),
  cpu_period: number,
  cpu_quota: number,
  cpu_rt_period: number,
  cpu_rt_runtime: number,
  cpu_shares: number,
  cpus: number,
  cpuset: text,
  credential_spec: object({ config: text, file: text, registry: text }),
  depends_on: use('dependencies'),
  deploy: use('deploy'),
  develop: use('develop'),
  device_cgroup_rules: use('strings'),
  devices: list(oneOf(text, object({ source: text, target: text, permissions: text }, ['source']))),
  dns: use('textOrStrings'),
  dns_opt: set(text),
  dns_search: use('textOrStrings'),
  domainname: text,
  entrypoint: use('command'),
  env_file: oneOf(text, list(oneOf(text, plainObject({ path: text, format: text, required: flag }, ['path'])))),
  environment: use('pairs'),
  expose: set({ type: ['string', 'number'] }),
  extends: oneOf(text, plainObject({ service: text, file: text }, ['service'])),
  external_links: set(text),
  extra_hosts: use('hosts'),
  gpus: oneOf(
    word('all'),
    list(
      object({
        capabilities: use('strings'),
        count: { type: ['string', 'integer'] },
        device_ids: use('strings'),
        driver: text,
        options: use('pairs'),
      }),
    ),
  ),
  group_add: set({ type: ['string', 'number'] }),
  healthcheck: use('healthcheck'),
  hostname: text,
  image: text,
  init: flag,
  ipc: text,
  isolation: text,
  label_file: oneOf(text, list(text)),
  labels: use('pairs'),
  links: set(text),
  logging: object({
    driver: text,
    options: named({ type: ['string', 'number', 'null'] }, { pattern: '^.+$', isOpen: true }),
  }),
  mac_address: text,
  mem_limit: number,
  mem_reservation: { type: ['string', 'integer'] },
  mem_swappiness: whole,
  memswap_limit: number,
  models: oneOf(
    use('strings'),
    named(oneOf(object({ endpoint_var: text, model_var: text }), { type: 'null' }), { isOpen: true }),
  ),
  network_mode: text,
  networks: oneOf(use('strings'), named(use('endpoint'))),
  oom_kill_disable: flag,
  oom_score_adj: oneOf(text, { type: 'integer', minimum: -1000, maximum: 1000 }),
  pid: { type: ['string', 'null'] },
  pids_limit: number,
  platform: text,
  ports: list(use('port')),
  pre_start: list(use('init')),
  post_start: list(use('hook')),
  pre_stop: list(use('hook')),
  privileged: flag,
  profiles: use('strings'),
  provider: object({ type: text, options: named(oneOf(scalar, list(scalar)), { pattern: '^.+$', isOpen: true }) }, [
    'type',
  ]),
  pull_policy: {
    type: 'string',
    pattern: 'always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+',
  },
  pull_refresh_after: text,
  read_only: flag,
  restart: text,
  runtime: text,
  scale: whole,
  secrets: use('fileReferences'),
  security_opt: set(text),
  shm_size: number,
  stdin_open: flag,
  stop_grace_period: text,
  stop_signal: text,
  storage_opt: { type: 'object' },
  sysctls: use('pairs'),
  tmpfs: use('textOrStrings'),
  tty: flag,
  ulimits: use('ulimits'),
  use_api_socket: { type: 'boolean' },
  user: text,
  userns_mode: text,
  uts: text,
  volumes: list(use('mount')),
  volumes_from: set(text),
  working_dir: text,
})

/** `external`: a flag, or the old form that carries the name. */
const external = { type: ['boolean', 'string', 'object'], properties: { name: text } }
const closedExternal = { ...external, patternProperties: { '^x-': {} }, additionalProperties: false }

definitions.network = orNull(
  object({
    name: text,
    driver: text,
    driver_opts: options,
    ipam: object({
      driver: text,
      config: list(
        object({ subnet: text, ip_range: text, gateway: text, aux_addresses: named(text, { pattern: '^.+$' }) }),
      ),
      options: named(text, { pattern: '^.+$' }),
    }),
    external: closedExternal,
    internal: flag,
    enable_ipv4: flag,
    enable_ipv6: flag,
    attachable: flag,
    labels: use('pairs'),
  }),
)

definitions.volume = orNull(
  object({ name: text, driver: text, driver_opts: options, external: closedExternal, labels: use('pairs') }),
)

definitions.secret = object({
  name: text,
  environment: text,
  file: text,
  external,
  labels: use('pairs'),
  driver: text,
  driver_opts: options,
  template_driver: text,
})

definitions.config = object({
  name: text,
  content: text,
  environment: text,
  file: text,
  external,
  labels: use('pairs'),
  template_driver: text,
})

definitions.model = object({ name: text, model: text, context_size: { type: 'integer' }, runtime_flags: list(text) }, [
  'model',
])

/** A whole file. */
export const composeSchema = {
  ...object({
    version: text,
    name: text,
    include: list(
      oneOf(text, plainObject({ path: use('textOrStrings'), env_file: use('textOrStrings'), project_directory: text })),
    ),
    services: named(use('service')),
    models: named(use('model'), { isOpen: true }),
    networks: named(use('network'), { isOpen: true }),
    volumes: named(use('volume')),
    secrets: named(use('secret')),
    configs: named(use('config')),
  }),
  definitions,
}
