import { describe, expect, it } from 'vitest'
import { loadProject } from './load/load.ts'
import { materialKey } from './model/material.ts'
import type { Materials } from './model/material.ts'
import { makeDictionary } from './model/dictionary.ts'
import type { Kind, Struct } from './model/field/kind.ts'
import { serviceStruct } from './model/field/service.ts'
import type { Project } from './model/project.ts'
import type { Service } from './model/service.ts'
import { toCreateBody } from './translate.ts'
import type { ContainerCreateBody } from './translate.ts'
import { deliverFiles } from './translate/file.ts'

/** Every field a service can have, from the text of a file to the engine's create call: exactly what it adds there. */

interface Row {
  /** Lines below `services.web`; several fields where they make sense only together. */
  readonly yaml: string
  /** What is in the create body besides that of a bare service. */
  readonly body?: object
  readonly host?: object
  readonly endpoint?: object
  /** Why nothing of it is in the body. */
  readonly elsewhere?: string
}

const rows: Readonly<Record<string, Row>> = {
  annotations: { yaml: 'annotations: { a: b }', host: { Annotations: { a: 'b' } } },
  attach: { yaml: 'attach: false', elsewhere: 'up does not show its output' },
  blkio: {
    yaml: `blkio_config:
  weight: 300
  weight_device: [{ path: /dev/a, weight: 400 }]
  device_read_bps: [{ path: /dev/a, rate: 12mb }]
  device_read_iops: [{ path: /dev/a, rate: 120 }]
  device_write_bps: [{ path: /dev/a, rate: 1k }]
  device_write_iops: [{ path: /dev/a, rate: 30 }]`,
    host: {
      BlkioWeight: 300,
      BlkioWeightDevice: [{ Path: '/dev/a', Weight: 400 }],
      BlkioDeviceReadBps: [{ Path: '/dev/a', Rate: 12 * 1024 * 1024 }],
      BlkioDeviceReadIOps: [{ Path: '/dev/a', Rate: 120 }],
      BlkioDeviceWriteBps: [{ Path: '/dev/a', Rate: 1024 }],
      BlkioDeviceWriteIOps: [{ Path: '/dev/a', Rate: 30 }],
    },
  },
  build: {
    yaml: `build:
  context: ./src
  dockerfile: Dockerfile.web
  entitlements: [network.host]
  args: { A: "1" }
  provenance: "true"
  sbom: "true"
  ssh: [default]
  labels: { l: v }
  cache_from: [x]
  cache_to: [type=inline]
  no_cache: true
  additional_contexts: { other: ../other }
  pull: true
  extra_hosts: ["h=1.2.3.4"]
  isolation: process
  network: host
  target: prod
  secrets: [{ source: key, target: k, uid: "1", gid: "2", mode: 0440 }]
  shm_size: 1m
  tags: [t]
  ulimits: { nproc: 5 }
  platforms: [linux/amd64]
  privileged: true`,
    elsewhere: 'of the image',
  },
  'inline build': { yaml: 'build: { dockerfile_inline: "FROM x" }', elsewhere: 'of the image' },
  capabilities: { yaml: 'cap_add: [NET_ADMIN]\ncap_drop: [ALL]', host: { CapAdd: ['NET_ADMIN'], CapDrop: ['ALL'] } },
  cgroup: { yaml: 'cgroup: host\ncgroup_parent: /m', host: { CgroupnsMode: 'host', CgroupParent: '/m' } },
  command: { yaml: 'command: echo "a b"', body: { Cmd: ['echo', 'a b'] } },
  entrypoint: { yaml: 'entrypoint: ["a", "b c"]', body: { Entrypoint: ['a', 'b c'] } },
  'a config': {
    yaml: 'configs: [{ source: app, target: /app.conf, uid: "1", gid: "2", mode: 0440 }]',
    elsewhere: 'copied in before the start',
  },
  'a secret': {
    yaml: 'secrets: [{ source: key, target: k, uid: "1", gid: "2", mode: 0440 }]',
    elsewhere: 'copied in before the start',
  },
  'a secret as a file': {
    yaml: 'secrets: [key]',
    host: { Mounts: [{ Type: 'bind', Source: '/p/key.txt', Target: '/run/secrets/key', ReadOnly: true }] },
  },
  container_name: { yaml: 'container_name: mine', endpoint: { Aliases: ['mine', 'web'] } },
  cpu: {
    yaml: `cpu_count: 2
cpu_percent: 12
cpu_period: 50000
cpu_quota: 25000
cpu_rt_period: 1400
cpu_rt_runtime: 400
cpu_shares: 512
cpus: 0.5
cpuset: "0,1"`,
    host: {
      CpuCount: 2,
      CpuPercent: 1200,
      CpuPeriod: 50000,
      CpuQuota: 25000,
      CpuRealtimePeriod: 1400,
      CpuRealtimeRuntime: 400,
      CpuShares: 512,
      NanoCpus: 500_000_000,
      CpusetCpus: '0,1',
    },
  },
  'credential_spec by file': {
    yaml: 'credential_spec: { file: s.json }',
    host: { SecurityOpt: ['credentialspec=file://s.json'] },
  },
  'credential_spec by registry': {
    yaml: 'credential_spec: { registry: k }',
    host: { SecurityOpt: ['credentialspec=registry://k'] },
  },
  'credential_spec by config': {
    yaml: 'credential_spec: { config: app }',
    host: { SecurityOpt: ['credentialspec=raw://{"a": 1}'] },
  },
  deploy: {
    yaml: `deploy:
  mode: replicated
  replicas: 2
  labels: { l: v }
  endpoint_mode: dnsrr
  update_config: { parallelism: 2, delay: 1s, failure_action: rollback, monitor: 2s, max_failure_ratio: 0.5, order: start-first }
  rollback_config: { parallelism: 1, delay: 1s, failure_action: pause, monitor: 2s, max_failure_ratio: 0.5, order: stop-first }
  resources:
    limits: { cpus: "0.25", memory: 64m, pids: 9 }
    reservations:
      cpus: "0.1"
      memory: 32m
      generic_resources: [{ discrete_resource_spec: { kind: gpu, value: 1 } }]
      devices: [{ capabilities: [gpu, tpu], driver: nvidia, device_ids: ["0"], options: { k: v } }]
  restart_policy: { condition: on-failure, max_attempts: 3, delay: 5s, window: 10s }
  placement: { constraints: ["node.role==worker"], preferences: [{ spread: node.labels.z }], max_replicas_per_node: 1 }`,
    host: {
      NanoCpus: 250_000_000,
      Memory: 64 * 1024 * 1024,
      MemoryReservation: 32 * 1024 * 1024,
      PidsLimit: 9,
      DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: ['0'], Capabilities: [['gpu', 'tpu']], Options: { k: 'v' } }],
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
    },
  },
  'any device': {
    yaml: 'deploy: { resources: { reservations: { devices: [{ capabilities: [tpu], count: 2 }] } } }',
    host: { DeviceRequests: [{ Count: 2, Capabilities: [['tpu']] }] },
  },
  depends_on: {
    yaml: 'depends_on: { db: { condition: service_healthy, restart: true, required: false } }',
    elsewhere: 'a label, and the order of steps',
  },
  develop: {
    yaml: `develop:
  watch:
    - { path: ./a, action: sync+exec, target: /a, ignore: [x], include: [y], initial_sync: true, exec: { command: [c], user: u, privileged: true, working_dir: /w, environment: { A: b } } }`,
    elsewhere: 'watch',
  },
  device_cgroup_rules: { yaml: 'device_cgroup_rules: ["c 1:3 mr"]', host: { DeviceCgroupRules: ['c 1:3 mr'] } },
  devices: {
    yaml: 'devices: ["/dev/a:/dev/b:r", { source: /dev/c, target: /dev/d, permissions: rw }, vendor.com/gpu=0]',
    host: {
      Devices: [
        { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' },
        { PathOnHost: '/dev/c', PathInContainer: '/dev/d', CgroupPermissions: 'rw' },
      ],
      DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['vendor.com/gpu=0'] }],
    },
  },
  dns: {
    yaml: 'dns: 8.8.8.8\ndns_opt: [use-vc]\ndns_search: example.com',
    host: { Dns: ['8.8.8.8'], DnsOptions: ['use-vc'], DnsSearch: ['example.com'] },
  },
  domainname: { yaml: 'domainname: example.com\nhostname: h', body: { Domainname: 'example.com', Hostname: 'h' } },
  environment: {
    yaml: 'environment: { A: "1", B: , C: x=y }\nenv_file: [{ path: ./e.env, required: false, format: raw }]',
    body: { Env: ['A=1', 'C=x=y', 'B'] },
  },
  expose: { yaml: 'expose: ["80", "90-91/udp"]', body: { ExposedPorts: { '80/tcp': {}, '90/udp': {}, '91/udp': {} } } },
  external_links: { yaml: 'external_links: ["out:o"]', endpoint: { Links: ['given:link'] } },
  links: { yaml: 'links: ["db:base"]', endpoint: { Links: ['given:link'] } },
  extra_hosts: {
    yaml: 'extra_hosts: ["a=1.2.3.4", "b:[::1]"]',
    host: { ExtraHosts: ['a:1.2.3.4', 'b:::1'] },
  },
  gpus: {
    yaml: 'gpus: [{ driver: nvidia, count: 2, options: { k: v }, capabilities: [compute] }]',
    host: { DeviceRequests: [{ Driver: 'nvidia', Count: 2, Capabilities: [['compute', 'gpu']], Options: { k: 'v' } }] },
  },
  'gpus by id': {
    yaml: 'gpus: [{ device_ids: ["3"] }]',
    host: { DeviceRequests: [{ DeviceIDs: ['3'], Capabilities: [['gpu']] }] },
  },
  'all gpus': { yaml: 'gpus: all', host: { DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] } },
  group_add: { yaml: 'group_add: [mail, 1000]', host: { GroupAdd: ['mail', '1000'] } },
  healthcheck: {
    yaml: 'healthcheck: { test: "exit 0", timeout: 2s, interval: 1m, retries: 4, start_period: 3s, start_interval: 1s }',
    body: {
      Healthcheck: {
        Test: ['CMD-SHELL', 'exit 0'],
        Timeout: 2e9,
        Interval: 60e9,
        Retries: 4,
        StartPeriod: 3e9,
        StartInterval: 1e9,
      },
    },
  },
  'no healthcheck': { yaml: 'healthcheck: { disable: true }', body: { Healthcheck: { Test: ['NONE'] } } },
  init: { yaml: 'init: false', host: { Init: false } },
  ipc: {
    yaml: 'ipc: shareable\npid: host\nuts: host',
    host: { IpcMode: 'shareable', PidMode: 'host', UTSMode: 'host' },
  },
  isolation: { yaml: 'isolation: hyperv', host: { Isolation: 'hyperv' } },
  labels: { yaml: 'labels: { l: v }\nlabel_file: [./l.env]', body: { Labels: { l: 'v', f: '1' } } },
  logging: {
    yaml: 'logging: { driver: syslog, options: { tag: t } }',
    host: { LogConfig: { Type: 'syslog', Config: { tag: 't' } } },
  },
  memory: {
    yaml: 'mem_limit: 64m\nmem_reservation: 32m\nmemswap_limit: -1\nmem_swappiness: 0\noom_kill_disable: true\noom_score_adj: 10',
    host: {
      Memory: 64 * 1024 * 1024,
      MemoryReservation: 32 * 1024 * 1024,
      MemorySwap: -1,
      MemorySwappiness: 0,
      OomKillDisable: true,
      OomScoreAdj: 10,
    },
  },
  mac_address: { yaml: 'mac_address: "02:00:00:00:00:01"', endpoint: { MacAddress: '02:00:00:00:00:01' } },
  models: {
    yaml: 'models: { llm: { endpoint_var: E, model_var: M } }',
    elsewhere: 'variables, once the model is there',
  },
  network_mode: { yaml: 'network_mode: host', host: { NetworkMode: 'host' } },
  networks: {
    yaml: `networks:
  default:
    aliases: [www]
    driver_opts: { o: "1" }
    gw_priority: 3
    interface_name: eth7
    ipv4_address: 10.0.0.9
    ipv6_address: "fd00::9"
    link_local_ips: [169.254.1.1]
    mac_address: "02:00:00:00:00:02"
    priority: 5`,
    endpoint: {
      Aliases: ['p-web-1', 'web', 'www'],
      DriverOpts: { o: '1', 'com.docker.network.endpoint.ifname': 'eth7' },
      GwPriority: 3,
      MacAddress: '02:00:00:00:00:02',
      IPAMConfig: { IPv4Address: '10.0.0.9', IPv6Address: 'fd00::9', LinkLocalIPs: ['169.254.1.1'] },
    },
  },
  pids_limit: { yaml: 'pids_limit: -1', host: { PidsLimit: -1 } },
  platform: { yaml: 'platform: linux/arm64', elsewhere: 'a parameter of the call' },
  ports: {
    yaml: 'ports: [{ name: n, mode: host, host_ip: 127.0.0.1, target: 80, published: "8080", protocol: udp, app_protocol: http }]',
    body: { ExposedPorts: { '80/udp': {} } },
    host: { PortBindings: { '80/udp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] } },
  },
  hooks: {
    yaml: `pre_start: [{ command: [a], image: i, user: u, privileged: true, working_dir: /w, environment: { A: b }, per_replica: true }]
post_start: [{ command: [a], user: u, privileged: true, working_dir: /w, environment: { A: b } }]
pre_stop: [{ command: [a], user: u, privileged: true, working_dir: /w, environment: { A: b } }]`,
    elsewhere: 'steps of the plan',
  },
  privileged: { yaml: 'privileged: true\nread_only: true', host: { Privileged: true, ReadonlyRootfs: true } },
  profiles: { yaml: 'profiles: [p]', elsewhere: 'which services are on' },
  pull_policy: { yaml: 'pull_policy: always', elsewhere: 'pulls' },
  provider: { yaml: 'provider: { type: t, options: { o: [1, 2] } }', elsewhere: 'a program instead of a container' },
  restart: { yaml: 'restart: on-failure:3', host: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } } },
  runtime: { yaml: 'runtime: runsc', host: { Runtime: 'runsc' } },
  scale: { yaml: 'scale: 2', elsewhere: 'how many containers' },
  security_opt: {
    yaml: 'security_opt: ["label=disable", "seccomp=./profile.json", "systempaths=unconfined"]',
    host: {
      SecurityOpt: ['label=disable', 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'],
      MaskedPaths: [],
      ReadonlyPaths: [],
    },
  },
  shm_size: { yaml: 'shm_size: 32m', host: { ShmSize: 32 * 1024 * 1024 } },
  stdin: { yaml: 'stdin_open: true\ntty: true', body: { OpenStdin: true, Tty: true } },
  stop: { yaml: 'stop_grace_period: 90s\nstop_signal: SIGQUIT', body: { StopTimeout: 90, StopSignal: 'SIGQUIT' } },
  storage_opt: { yaml: 'storage_opt: { size: 1G }', host: { StorageOpt: { size: '1G' } } },
  sysctls: { yaml: 'sysctls: { net.core.somaxconn: 1024 }', host: { Sysctls: { 'net.core.somaxconn': '1024' } } },
  tmpfs: { yaml: 'tmpfs: ["/run:size=1m"]', host: { Tmpfs: { '/run': 'size=1m' } } },
  ulimits: {
    yaml: 'ulimits: { nproc: 65535, nofile: { soft: 20, hard: 40 } }',
    host: {
      Ulimits: [
        { Name: 'nproc', Soft: 65535, Hard: 65535 },
        { Name: 'nofile', Soft: 20, Hard: 40 },
      ],
    },
  },
  use_api_socket: { yaml: 'use_api_socket: true', elsewhere: 'a mount, a config and a variable, from the command' },
  user: {
    yaml: 'user: "1:2"\nuserns_mode: host\nworking_dir: /w',
    body: { User: '1:2', WorkingDir: '/w' },
    host: { UsernsMode: 'host' },
  },
  volumes: {
    yaml: `volumes:
  - { type: volume, source: data, target: /d, read_only: true, volume: { nocopy: true } }
  - { type: volume, source: data, target: /e, consistency: cached, volume: { subpath: s, labels: { l: v }, nocopy: true } }
  - { type: bind, source: ./b, target: /b, bind: { create_host_path: true, selinux: z } }
  - { type: bind, source: ./c, target: /c, bind: { propagation: rshared, recursive: disabled } }
  - { type: tmpfs, target: /t, tmpfs: { size: 1m, mode: 0700 } }
  - { type: image, source: busybox, target: /i, image: { subpath: bin } }
  - { type: npipe, source: '\\\\.\\pipe\\x', target: '\\\\.\\pipe\\x' }
  - { type: cluster, source: data, target: /k }
  - /anonymous`,
    host: {
      Binds: ['p_data:/d:ro,nocopy', '/p/b:/b:rw,z'],
      Mounts: [
        {
          Type: 'volume',
          Source: 'p_data',
          Target: '/e',
          Consistency: 'cached',
          VolumeOptions: { NoCopy: true, Labels: { l: 'v' }, Subpath: 's' },
        },
        { Type: 'bind', Source: '/p/c', Target: '/c', BindOptions: { Propagation: 'rshared', NonRecursive: true } },
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1024 * 1024, Mode: 0o700 } },
        { Type: 'image', Source: 'busybox', Target: '/i', ImageOptions: { Subpath: 'bin' } },
        { Type: 'npipe', Source: '\\\\.\\pipe\\x', Target: '\\\\.\\pipe\\x' },
        { Type: 'cluster', Source: 'p_data', Target: '/k' },
        { Type: 'volume', Target: '/anonymous' },
      ],
    },
  },
  volumes_from: { yaml: 'volumes_from: ["db:ro", "container:c"]', host: { VolumesFrom: ['idofdb:ro', 'c'] } },
}

/** Known to the reference program's types and hash, and no field of the specification. */
const legacy = new Set(['dockerfile', 'log_driver', 'log_opt', 'net', 'volume_driver'])

/** Shapes the reference program's types share between limits and reservations, and the specification does not. */
const shared = /^deploy\.resources\.(?:limits\.(?:devices|generic_resources)|reservations\.pids)/

/** Gone once a project is loaded. */
const dissolved = new Set(['env_file', 'env_file.path', 'label_file'])

function load(yaml: string): Project {
  const indented = yaml.replaceAll('\n', '\n    ')
  const isProvider = yaml.startsWith('provider')
  const text = `services:
  web:
    ${isProvider ? '' : 'image: busybox\n    '}${indented}
  db: { image: busybox }
volumes: { data: {} }
secrets: { key: { file: ./key.txt } }
configs: { app: { content: '{"a": 1}' } }
models: { llm: { model: ai/x } }
`
  const files: Readonly<Record<string, string>> = { '/p/l.env': 'f=1' }
  return loadProject(
    { files: [{ path: '/p/compose.yaml', text }], workingDir: '/p', environment: makeDictionary(), projectName: 'p' },
    {
      profiles: ['p'],
      files: {
        readText: (path) => files[path],
        kindOf: (path) => (files[path] === undefined ? 'missing' : 'file'),
        resolveLinks: (path) => path,
      },
    },
  )
}

const materials: Materials = {
  isRemote: false,
  entries: new Map([
    [materialKey('secret', 'key'), { content: Buffer.from('k') }],
    [materialKey('config', 'app'), { content: Buffer.from('{"a": 1}') }],
    [materialKey('seccomp', '/p/profile.json'), { content: Buffer.from('{ "defaultAction": "SCMP_ACT_ALLOW" }') }],
  ]),
}

function create(project: Project): ContainerCreateBody {
  const service = project.services['web']!
  const linked = service.links !== undefined || service.external_links !== undefined
  return toCreateBody(
    {
      project,
      service,
      number: 1,
      imageId: 'sha256:1',
      inherited: [],
      links: linked ? ['given:link'] : [],
      placementHints: [],
      files: deliverFiles(project, service, materials),
      separator: '-',
      apiVersion: '1.51',
    },
    makeDictionary([['db', 'idofdb']]),
  )
}

/** What stands in `made` and not, or not so, in `bare`. */
function difference(made: object, bare: object): object {
  const before = new Map(Object.entries(bare))
  const changed = Object.entries(made).filter(
    ([key, value]) => JSON.stringify(before.get(key)) !== JSON.stringify(value),
  )
  return Object.fromEntries(changed)
}

function isOurLabel(key: string): boolean {
  return key.startsWith('com.docker.compose.') || key.startsWith('flotilla.')
}

describe('a field of a service', () => {
  const bare = create(load('scale: 1'))

  it.each(Object.entries(rows))(
    '%s is in the create call as the engine wants it, and changes nothing else',
    (_, row) => {
      const made = create(load(row.yaml))
      const { Labels: labels, HostConfig: host, NetworkingConfig: network, ...body } = made
      const { Labels: _labels, HostConfig: bareHost, NetworkingConfig: bareNetwork, ...bareBody } = bare
      const own = Object.fromEntries(Object.entries(labels).filter(([key]) => !isOurLabel(key)))
      const { Labels: wantedLabels = {}, ...wantedBody } = (row.body ?? {}) as { readonly Labels?: object }
      expect(difference({ ...body, Image: 'x' }, { ...bareBody, Image: 'x' })).toEqual(wantedBody)
      expect(own).toEqual(wantedLabels)
      expect(difference(host, bareHost)).toEqual(
        row.yaml.startsWith('provider') ? { NetworkMode: 'none' } : (row.host ?? {}),
      )
      const endpoint = Object.values(network?.EndpointsConfig ?? {})[0]
      if (endpoint === undefined) return
      const bareEndpoint = Object.values(bareNetwork?.EndpointsConfig ?? {})[0] ?? {}
      expect(difference(endpoint, bareEndpoint)).toEqual(row.endpoint ?? {})
    },
  )

  it('that adds nothing to the call has a reason', () => {
    for (const [name, { body, host, endpoint, elsewhere }] of Object.entries(rows)) {
      expect([name, (body ?? host ?? endpoint) === undefined]).toEqual([name, elsewhere !== undefined])
    }
  })

  it('has a row here, and so has every field below it', () => {
    const seen = new Set<string>()
    for (const row of Object.values(rows)) {
      const services: readonly (Service | undefined)[] = [load(row.yaml).services['web']]
      for (const service of services) collect(service, serviceStruct, '', seen)
    }
    const missing = [...pathsOf(serviceStruct, '')].filter(
      (path) => !seen.has(path) && !shared.test(path) && !legacy.has(path) && !dissolved.has(path),
    )
    expect(missing).toEqual([])
  })
})

function* pathsOf(struct: Struct, before: string): Generator<string, void> {
  for (const [name, kind] of struct.fields) {
    yield `${before}${name}`
    const inner = structIn(kind)
    if (inner !== undefined) yield* pathsOf(inner, `${before}${name}.`)
  }
}

function structIn(kind: Kind): Struct | undefined {
  if (typeof kind === 'string') return undefined
  return kind.kind === 'struct' ? kind.struct : structIn(kind.of)
}

function collect(value: unknown, struct: Struct, before: string, into: Set<string>): void {
  for (const [name, kind] of struct.fields) {
    const field: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
    if (field === undefined) continue
    into.add(`${before}${name}`)
    const inner = structIn(kind)
    if (inner === undefined || typeof field !== 'object' || field === null) continue
    const isOne = typeof kind !== 'string' && kind.kind === 'struct'
    for (const entry of isOne ? [field] : Object.values(field)) collect(entry, inner, `${before}${name}.`, into)
  }
}
