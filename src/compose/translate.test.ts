import { describe, expect, it } from 'vitest'
import { dictionary, project, service } from '../testing/compose-builders.ts'
import { makeDictionary } from './model/dictionary.ts'
import type { Mount } from './model/mount.ts'
import type { Service } from './model/service.ts'
import { toCreateBody, toNetworkBody, toVolumeBody } from './translate.ts'
import type { ContainerCreateBody, ContainerDraft } from './translate.ts'

function draft(extra: Partial<Service>, more: Partial<ContainerDraft> = {}): ContainerDraft {
  const web = service('web', extra)
  return {
    project: project([web], { networks: { default: {}, back: {} }, volumes: { data: {} } }),
    service: web,
    number: 1,
    imageId: 'sha256:abc',
    inherited: [],
    links: [],
    placementHints: [],
    separator: '-',
    apiVersion: '1.47',
    ...more,
  }
}

function body(extra: Partial<Service>, more: Partial<ContainerDraft> = {}): ContainerCreateBody {
  return toCreateBody(draft(extra, more), dictionary({ db: 'idofdb' }))
}

function host(extra: Partial<Service>, more: Partial<ContainerDraft> = {}): ContainerCreateBody['HostConfig'] {
  return body(extra, more).HostConfig
}

/** What the host configuration of a bare service is. */
const plainHost = { NetworkMode: 'p_default', ExtraHosts: [], PortBindings: {} }

describe('a container', () => {
  it('of a bare service has the labels of the convention and the default network, and nothing else', () => {
    expect(body({})).toEqual({
      Image: 'busybox',
      AttachStdout: true,
      AttachStderr: true,
      Labels: {
        'com.docker.compose.config-hash': expect.stringMatching(/^[0-9a-f]{64}$/),
        'com.docker.compose.container-number': '1',
        'com.docker.compose.depends_on': '',
        'com.docker.compose.image': 'sha256:abc',
        'com.docker.compose.oneoff': 'False',
        'com.docker.compose.project': 'p',
        'com.docker.compose.project.config_files': '/project/compose.yaml',
        'com.docker.compose.project.working_dir': '/project',
        'com.docker.compose.service': 'web',
        'com.docker.compose.version': '2.40.3',
        'flotilla.compose.fields': expect.stringMatching(/^[0-9a-f]{12} image:[\w-]{8} networks\.default:[\w-]{8}$/),
      },
      HostConfig: plainHost,
      NetworkingConfig: { EndpointsConfig: { p_default: { Aliases: ['p-web-1', 'web'] } } },
    })
  })

  it('tells empty commands from absent ones, and unset variables from empty ones', () => {
    expect(body({ command: [], entrypoint: [] })).toMatchObject({ Cmd: [], Entrypoint: [] })
    expect(body({})).not.toHaveProperty('Cmd')
    expect(body({ environment: dictionary({ A: '', B: null, C: 'x=y' }) }).Env).toEqual(['A=', 'B', 'C=x=y'])
  })

  it('writes dependencies, env files and the replaced container into labels', () => {
    const on = dictionary({ db: { condition: 'service_healthy', restart: true, required: true } } as const)
    const made = toCreateBody(
      {
        ...draft({ depends_on: on }, { replaces: 'web-1' }),
        project: project([], { environmentFiles: ['/project/a.env', '/b.env'] }),
      },
      makeDictionary(),
    )
    expect(made.Labels).toMatchObject({
      'com.docker.compose.depends_on': 'db:service_healthy:true',
      'com.docker.compose.project.environment_file': '/project/a.env,/b.env',
      'com.docker.compose.replace': 'web-1',
    })
  })

  it('keeps a grace period of nothing', () => {
    expect(body({ stop_grace_period: 0 }).StopTimeout).toBe(0)
    expect(body({ stop_grace_period: 90_500_000_000 }).StopTimeout).toBe(90)
  })
})

describe('ports', () => {
  it('are exposed and bound, ranges left to the engine', () => {
    const ports = [
      { target: 80, published: '8080', host_ip: '127.0.0.1', protocol: 'tcp' },
      { target: 80, published: '9000-9010', protocol: 'tcp' },
      { target: 53, protocol: 'udp' },
    ]
    const made = body({ ports, expose: ['7000-7001', '8000/udp'] })
    expect(Object.keys(made.ExposedPorts ?? {}).sort()).toEqual([
      '53/udp',
      '7000/tcp',
      '7001/tcp',
      '80/tcp',
      '8000/udp',
    ])
    expect(made.HostConfig.PortBindings).toEqual({
      '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }, { HostPort: '9000-9010' }],
      '53/udp': [{}],
    })
  })
})

describe('mounts', () => {
  const bind = { type: 'bind', source: '/src', target: '/dst', bind: { create_host_path: true } } as const
  const cases: readonly [string, NonNullable<Service['volumes']>[number], object][] = [
    ['a named volume', { type: 'volume', source: 'data', target: '/d', read_only: true }, { Binds: ['p_data:/d:ro'] }],
    [
      'a volume without copy',
      { type: 'volume', source: 'data', target: '/d', volume: { nocopy: true } },
      { Mounts: [{ Type: 'volume', Source: 'p_data', Target: '/d', VolumeOptions: { NoCopy: true } }] },
    ],
    ['an anonymous volume', { type: 'volume', target: '/d' }, { Mounts: [{ Type: 'volume', Target: '/d' }] }],
    ['a bind', { ...bind, bind: { create_host_path: true, selinux: 'z' } }, { Binds: ['/src:/dst:rw,z'] }],
    ['a bind that must exist', { ...bind, bind: {} }, { Mounts: [{ Type: 'bind', Source: '/src', Target: '/dst' }] }],
    [
      'a bind with propagation',
      { ...bind, bind: { create_host_path: true, propagation: 'rshared' } },
      {
        Mounts: [
          {
            Type: 'bind',
            Source: '/src',
            Target: '/dst',
            BindOptions: { Propagation: 'rshared', CreateMountpoint: true },
          },
        ],
      },
    ],
    [
      'tmpfs',
      { type: 'tmpfs', target: '/t', tmpfs: { size: 1024, mode: 0o700 } },
      { Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1024, Mode: 0o700 } }] },
    ],
    [
      'part of a volume',
      { type: 'volume', source: 'data', target: '/d', volume: { subpath: 'a' } },
      { Mounts: [{ Type: 'volume', Source: 'p_data', Target: '/d', VolumeOptions: { Subpath: 'a' } }] },
    ],
  ]
  it.each(cases)('%s', (_, mount, expected) => {
    expect(host({ volumes: [mount] })).toEqual({ ...plainHost, ...expected })
  })

  it('inherited volumes stand at their place, those of the image besides', () => {
    const inherited = [
      { name: 'one', target: '/d' },
      { name: 'two', target: '/image' },
    ]
    expect(host({ volumes: [{ type: 'volume', target: '/d' }] }, { inherited }).Mounts).toEqual([
      { Type: 'volume', Source: 'one', Target: '/d' },
      { Type: 'volume', Source: 'two', Target: '/image' },
    ])
  })

  it('a secret from a file is mounted, any other is refused by name', () => {
    const secrets = dictionary({
      key: { name: 'p_key', file: '/secret/key' },
      env: { name: 'p_env', environment: 'X' },
    })
    const use = (source: string): (() => ContainerCreateBody) => {
      const made = draft({ secrets: [{ source }] })
      return () => toCreateBody({ ...made, project: { ...made.project, secrets } }, makeDictionary())
    }
    expect(use('key')().HostConfig.Mounts).toEqual([
      { Type: 'bind', Source: '/secret/key', Target: '/run/secrets/key', ReadOnly: true },
    ])
    expect(use('env')).toThrow('secret "env" of service "web" has no content')
  })
})

describe('limits and policies', () => {
  const cases: readonly [string, Partial<Service>, object][] = [
    ['cpus become billionths', { cpus: 0.5 }, { NanoCpus: 500_000_000 }],
    ['cpus are counted in single precision', { cpus: Math.fround(1.1) }, { NanoCpus: 1_100_000_000 }],
    [
      'so are those of deploy',
      { deploy: { resources: { limits: { cpus: Math.fround(0.123456789) } } } },
      { NanoCpus: 123_456_792 },
    ],
    ['unlimited processes of deploy are those of the engine', { deploy: { resources: { limits: { pids: -1 } } } }, {}],
    ['unlimited processes', { pids_limit: -1 }, { PidsLimit: -1 }],
    [
      'deploy wins',
      { mem_limit: 1, deploy: { resources: { limits: { memory: 2, pids: 3 } } } },
      { Memory: 2, PidsLimit: 3 },
    ],
    ['swappiness of nothing is sent', { mem_swappiness: 0 }, { MemorySwappiness: 0 }],
    [
      'one limit for both',
      { ulimits: dictionary({ nofile: { single: 5 } }) },
      { Ulimits: [{ Name: 'nofile', Soft: 5, Hard: 5 }] },
    ],
    ['retries', { restart: 'on-failure:3' }, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } }],
    ['no restart', { restart: 'no' }, { RestartPolicy: { Name: 'no' } }],
    [
      'deploy restart',
      { restart: 'no', deploy: { restart_policy: { condition: 'any' } } },
      { RestartPolicy: { Name: 'always' } },
    ],
    [
      'a deploy restart without a condition',
      { restart: 'always', deploy: { restart_policy: { max_attempts: 2 } } },
      {},
    ],
    ['no init', { init: false }, { Init: false }],
    ['all GPUs', { gpus: [{ count: -1 }] }, { DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] }],
    [
      'a CDI device',
      { devices: [{ source: 'vendor.com/gpu=0' }] },
      { DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['vendor.com/gpu=0'] }] },
    ],
    [
      'a device',
      { devices: [{ source: '/dev/a' }] },
      { Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/a', CgroupPermissions: 'rwm' }] },
    ],
    [
      'unmasked paths',
      { security_opt: ['systempaths=unconfined', 'label=disable'] },
      { SecurityOpt: ['label=disable'], MaskedPaths: [], ReadonlyPaths: [] },
    ],
    ['hosts', { extra_hosts: dictionary({ a: ['1.2.3.4', '::1'] }) }, { ExtraHosts: ['a:1.2.3.4', 'a:::1'] }],
    ['tmpfs', { tmpfs: ['/a', '/b:size=1m'] }, { Tmpfs: { '/a': '', '/b': 'size=1m' } }],
  ]
  it.each(cases)('%s', (_, extra, expected) => {
    expect(host(extra)).toEqual({ ...plainHost, ...expected })
  })

  it('refuses a restart policy that does not exist', () => {
    expect(() => body({ restart: 'sometimes' })).toThrow('invalid restart policy of service "web": "sometimes"')
    expect(() => body({ restart: 'constructor' })).toThrow('invalid restart policy')
  })

  it('refuses a start interval on engines that do not know it', () => {
    const healthcheck = { test: ['CMD', 'true'], start_interval: 1, start_period: 2 }
    expect(() => body({ healthcheck }, { apiVersion: '1.41' })).toThrow('require Docker Engine v25 or later')
    expect(body({ healthcheck }).Healthcheck).toEqual({ Test: ['CMD', 'true'], StartInterval: 1, StartPeriod: 2 })
    const { start_period: _, ...alone } = healthcheck
    expect(() => body({ healthcheck: alone })).toThrow('start_interval requires healthcheck.start_period to be set')
    expect(body({ healthcheck: { disable: true } }).Healthcheck).toEqual({ Test: ['NONE'] })
  })

  it.each<[Mount, string, string]>([
    [
      { type: 'bind', source: '/a', target: '/b', read_only: true, bind: { recursive: 'readonly' } },
      '1.44',
      'bind-recursive=readonly requires API v1.44 or later',
    ],
    [
      { type: 'volume', source: 'data', target: '/b', volume: { subpath: 'x' } },
      '1.45',
      'volume subpath requires Docker Engine v26 or later',
    ],
    [{ type: 'image', source: 'i', target: '/b' }, '1.48', 'volume with type=image require Docker Engine v28 or later'],
  ])('mounts %o only where the engine knows them, since %s', (mount, since, message) => {
    const older = `1.${Number(since.slice(2)) - 1}`
    expect(() => body({ volumes: [mount] }, { apiVersion: older })).toThrow(message)
    expect(() => body({ volumes: [mount] }, { apiVersion: since })).not.toThrow()
  })
})

describe('networks of a container', () => {
  const networks = dictionary({
    default: { aliases: ['www', 'web'] },
    back: { priority: 5, ipv4_address: '10.0.0.9', mac_address: '02:00:00:00:00:01' },
  })

  it('stand by priority, with aliases once each', () => {
    const made = body({ networks })
    expect(made.HostConfig.NetworkMode).toBe('p_back')
    expect(made.NetworkingConfig).toEqual({
      EndpointsConfig: {
        p_back: {
          Aliases: ['p-web-1', 'web'],
          IPAMConfig: { IPv4Address: '10.0.0.9' },
          MacAddress: '02:00:00:00:00:01',
        },
        p_default: { Aliases: ['p-web-1', 'web', 'www'], IPAMConfig: {} },
      },
    })
  })

  it('before API 1.44 only the primary one goes into the call, and the address is the container’s', () => {
    const made = body({ networks }, { apiVersion: '1.41' })
    expect(made.MacAddress).toBe('02:00:00:00:00:01')
    expect(made.NetworkingConfig?.EndpointsConfig).toEqual({
      p_back: { Aliases: ['p-web-1', 'web'], IPAMConfig: { IPv4Address: '10.0.0.9' } },
    })
  })

  it('stand by priority first, and by name only among equals', () => {
    const primary = (back: number, other: number): string | undefined =>
      host({ networks: dictionary({ back: { priority: back }, default: { priority: other } }) }).NetworkMode
    expect([primary(0, 1), primary(1, 0), primary(1, 1), primary(-1, 0)]).toEqual([
      'p_default',
      'p_back',
      'p_back',
      'p_default',
    ])
  })

  it('of a cluster are told its scheduler by the environment, which is no part of the hash', () => {
    const environment = dictionary({ A: '1' })
    const [plain, hinted] = [[], ['constraint:node==n1']].map((placementHints) =>
      body({ environment }, { placementHints }),
    )
    expect(hinted?.Env).toEqual(['A=1', 'constraint:node==n1'])
    const hash = 'com.docker.compose.config-hash'
    expect(hinted?.Labels?.[hash]).toBe(plain?.Labels?.[hash])
  })

  it('before API 1.44 the address on a network that is not the primary one goes to nobody else', () => {
    const second = dictionary({ back: { priority: 5 }, default: { mac_address: '02:00:00:00:00:02' } })
    expect(body({ networks: second }, { apiVersion: '1.41' })).not.toHaveProperty('MacAddress')
  })

  it('shared namespaces and volumes name the container', () => {
    const made = body({ network_mode: 'service:db', pid: 'service:db', volumes_from: ['db:ro', 'container:other'] })
    expect(made.HostConfig).toEqual({
      ...plainHost,
      NetworkMode: 'container:idofdb',
      PidMode: 'container:idofdb',
      VolumesFrom: ['idofdb:ro', 'other'],
    })
    expect(made).not.toHaveProperty('NetworkingConfig')
    const lost = draft({ network_mode: 'service:gone' })
    expect(() => toCreateBody(lost, makeDictionary())).toThrow(
      'cannot share namespace or volumes with service gone: container missing',
    )
  })

  it('no network at all is none', () => {
    expect(host({ networks: makeDictionary() }).NetworkMode).toBe('none')
  })
})

describe('networks and volumes', () => {
  const want = project([])

  it('carry labels, hash and only what was set', () => {
    const network = {
      name: 'p_x',
      driver_opts: dictionary({ a: '1' }),
      ipam: { config: [{ subnet: '10.0.0.0/24' }] },
      enable_ipv6: false,
    }
    expect(toNetworkBody(want, 'x', network)).toEqual({
      Name: 'p_x',
      CheckDuplicate: true,
      Options: { a: '1' },
      IPAM: { Config: [{ Subnet: '10.0.0.0/24' }] },
      EnableIPv6: false,
      Labels: {
        'com.docker.compose.network': 'x',
        'com.docker.compose.project': 'p',
        'com.docker.compose.version': '2.40.3',
        'com.docker.compose.config-hash': expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    })
    expect(toNetworkBody(want, 'x', { name: 'p_x' }, true).Attachable).toBe(true)
    expect(toNetworkBody(want, 'x', { name: 'p_x', attachable: false }, true).Attachable).toBeUndefined()
    expect(toVolumeBody(want, 'v', { name: 'p_v', driver: 'local', labels: dictionary({ a: 'b' }) })).toMatchObject({
      Name: 'p_v',
      Driver: 'local',
      Labels: { a: 'b', 'com.docker.compose.volume': 'v' },
    })
  })
})
