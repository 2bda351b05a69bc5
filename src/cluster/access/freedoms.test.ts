import { describe, expect, it } from 'vitest'
import { parseExactJson } from '../../core/exact-json.ts'
import { findFreedoms } from './freedoms.ts'
import type { Freedom } from './model.ts'
import type { Inspected } from './routes.ts'

function asked(kind: Inspected, body: unknown, query = ''): readonly string[] {
  const value = typeof body === 'string' ? parseExactJson(body) : body
  const inspection = {
    body: value,
    query: new URLSearchParams(query),
    networkKind: (reference: string) =>
      reference === 'hostnetid' ? ('host' as const) : reference === 'front' ? ('other' as const) : ('unknown' as const),
  }
  return [...new Set(findFreedoms(kind, inspection).map(({ freedom }) => freedom))]
}

/** Values of fields of `HostConfig`, and what they ask for; create, commit and update have them in common. */
const hostConfig: readonly (readonly [unknown, Freedom])[] = [
  [{ Privileged: true }, 'privileged'],
  [{ Privileged: 'true' }, 'privileged'],
  [{ CapAdd: ['NET_ADMIN'] }, 'capabilities'],
  [{ CapAdd: 'ALL' }, 'capabilities'],
  [{ Capabilities: ['ALL'] }, 'capabilities'],
  [{ Devices: [{ PathOnHost: '/dev/sda' }] }, 'devices'],
  [{ DeviceCgroupRules: ['a *:* rwm'] }, 'devices'],
  [{ DeviceRequests: [{ Count: -1 }] }, 'devices'],
  [{ Sysctls: { 'kernel.msgmax': '1' } }, 'sysctls'],
  [{ SecurityOpt: ['seccomp=unconfined'] }, 'security-options'],
  [{ SecurityOpt: ['no-new-privileges', 'apparmor=unconfined'] }, 'security-options'],
  [{ SecurityOpt: ['no-new-privileges=false'] }, 'security-options'],
  [{ MaskedPaths: [] }, 'security-options'],
  [{ ReadonlyPaths: [] }, 'security-options'],
  [{ Runtime: 'other' }, 'security-options'],
  [{ Annotations: { 'run.oci.hooks': 'x' } }, 'security-options'],
  [{ NetworkMode: 'host' }, 'host-namespaces'],
  [{ NetworkMode: 'hostnetid' }, 'host-namespaces'],
  [{ NetworkMode: 'n1/host' }, 'host-namespaces'],
  [{ NetworkMode: '/n1/host' }, 'host-namespaces'],
  [{ PidMode: 'host' }, 'host-namespaces'],
  [{ IpcMode: 'host' }, 'host-namespaces'],
  [{ UTSMode: 'host' }, 'host-namespaces'],
  [{ UsernsMode: 'host' }, 'host-namespaces'],
  [{ CgroupnsMode: 'host' }, 'host-namespaces'],
  [{ Binds: ['/:/host'] }, 'host-paths'],
  [{ Binds: ['data:/data', '/etc/passwd:/x:ro'] }, 'host-paths'],
  [{ Binds: ['C:\\:/c'] }, 'host-paths'],
  [{ Binds: ['../x:/x'] }, 'host-paths'],
  [{ Binds: ['n1//etc:/x'] }, 'host-paths'],
  [{ Binds: ['n1/../etc:/x'] }, 'host-paths'],
  [{ Binds: ['n1/a/b:/x'] }, 'host-paths'],
  [{ Mounts: [{ Type: 'bind', Source: '/', Target: '/x' }] }, 'host-paths'],
  [{ Mounts: [{ Source: '/', Target: '/x' }] }, 'host-paths'],
  [{ Mounts: [{ Type: 'npipe', Source: 'x' }] }, 'host-paths'],
  [
    {
      Mounts: [
        {
          Type: 'volume',
          VolumeOptions: { DriverConfig: { Name: 'local', Options: { type: 'none', o: 'bind', device: '/' } } },
        },
      ],
    },
    'host-paths',
  ],
  [{ LogConfig: { Type: 'syslog', Config: { 'syslog-address': 'unix:///run/docker.sock' } } }, 'host-paths'],
  [{ CgroupParent: '/' }, 'cgroup-parent'],
]

/** The same under other names for the same fields, as Go reads them. */
const spellings: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.replace(/"([A-Z][A-Za-z]*)":/g, (_, name: string) => `"${name.toLowerCase()}":`),
  (text) => text.replace(/"([A-Z][A-Za-z]*)":/g, (_, name: string) => `"${name.toUpperCase()}":`),
  // The long s and the sign of the kelvin.
  (text) =>
    text.replace(/"([A-Z][A-Za-z]*)":/g, (_, name: string) => {
      return `"${name.replaceAll('s', '\u017f').replaceAll('k', '\u212a')}":`
    }),
]

describe('findFreedoms: one restriction at every door', () => {
  it.each(hostConfig)('%j asks for %s in create, commit and update', (fields, freedom) => {
    for (const spell of spellings) {
      const text = JSON.stringify(fields)
      expect(asked('create', spell(`{"HostConfig":${text}}`))).toEqual([freedom])
      expect(asked('commit', spell(`{"HostConfig":${text}}`))).toEqual([freedom])
      expect(asked('update', spell(text))).toEqual([freedom])
    }
  })

  it('sees every spelling of a field that comes twice', () => {
    expect(asked('create', '{"HostConfig":{"Privileged":true},"hostconfig":{}}')).toEqual(['privileged'])
    expect(asked('create', '{"HostConfig":{"privileged":true,"Privileged":false}}')).toEqual(['privileged'])
  })

  it('sees the host network among the endpoints of a create', () => {
    expect(asked('create', { NetworkingConfig: { EndpointsConfig: { host: {} } } })).toEqual(['host-namespaces'])
    expect(asked('create', { NetworkingConfig: { EndpointsConfig: { hostnetid: null } } })).toEqual(['host-namespaces'])
    expect(asked('create', { NetworkingConfig: { EndpointsConfig: { 'n1/host': {} } } })).toEqual(['host-namespaces'])
  })

  const spec = (fields: unknown): unknown => ({ TaskTemplate: { ContainerSpec: fields } })
  it.each([
    [spec({ CapabilityAdd: ['CAP_SYS_ADMIN'] }), 'capabilities'],
    [spec({ Sysctls: { a: 'b' } }), 'sysctls'],
    [spec({ Privileges: { Seccomp: { Mode: 'unconfined' } } }), 'security-options'],
    [spec({ Privileges: { AppArmor: { Mode: 'disabled' } } }), 'security-options'],
    [spec({ Privileges: { SELinuxContext: { Disable: true } } }), 'security-options'],
    [spec({ Privileges: { CredentialSpec: { File: 'x' } } }), 'security-options'],
    [spec({ Mounts: [{ Type: 'bind', Source: '/' }] }), 'host-paths'],
    [spec({ Mounts: [{ Source: '/' }] }), 'host-paths'],
    [{ TaskTemplate: { PluginSpec: { Name: 'x' } } }, 'privileged'],
    [{ TaskTemplate: { Networks: [{ Target: 'host' }] } }, 'host-namespaces'],
    [{ TaskTemplate: { Networks: [{ Target: 'hostnetid' }] } }, 'host-namespaces'],
    [{ Networks: [{ Target: 'host' }] }, 'host-namespaces'],
    [{ TaskTemplate: { Networks: [{ Target: 'front' }, { Target: 'nobody knows' }] } }, 'host-namespaces'],
    [{ TaskTemplate: { LogDriver: { Options: { 'gelf-address': '/run/x' } } } }, 'host-paths'],
  ])('%j asks for %s in a service', (body, freedom) => {
    expect(asked('service', body)).toEqual([freedom])
    expect(
      asked(
        'service',
        JSON.stringify(body).replace(/"([A-Z][A-Za-z]*)":/g, (text) => text.toLowerCase()),
      ),
    ).toEqual([freedom])
  })

  it.each([
    [{ DriverOpts: { type: 'none', o: 'bind', device: '/' } }, true],
    [{ Driver: 'local', DriverOpts: { TYPE: 'none', O: 'ro, BIND', DEVICE: '/' } }, true],
    [{ Driver: 'local', DriverOpts: { type: 'ext4', device: '/dev/sda1' } }, true],
    [{ Driver: 'local', DriverOpts: { device: '/dev/sda1' } }, true],
    [{ DriverOpts: { type: 'nfs', o: 'addr=10.0.0.1,bind', device: '/' } }, true],
    [{ DriverOpts: { type: 'tmpfs', o: 'rbind', device: '/' } }, true],
    [{ driver: 'local', driveropts: { type: 'none', o: 'bind', device: '/' } }, true],
    [{ Driver: 'local-persist', DriverOpts: { mountpoint: '/etc' } }, true],
    [{ DriverOpts: { type: 'nfs', o: 'addr=10.0.0.1,rw', device: ':/share' } }, false],
    [{ DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } }, false],
    [{ Driver: 'sshfs', DriverOpts: { sshcmd: 'me@there:/x' } }, false],
    [{ Name: 'data', Labels: { a: '/' } }, false],
  ])('the volume %j shows the host: %s', (body, isHost) => {
    expect(asked('volume', body)).toEqual(isHost ? ['host-paths'] : [])
  })

  it.each([
    ['exec', { Privileged: true }, '', ['privileged']],
    ['exec', '{"privileged":1}', '', ['privileged']],
    ['exec', { Privileged: false, Cmd: ['id'] }, '', []],
    ['checkpoint', { CheckpointDir: '/x' }, '', ['host-paths']],
    ['checkpoint', undefined, 'dir=/x', ['host-paths']],
    ['start', undefined, 'checkpoint=a&checkpoint-dir=/x', ['host-paths']],
    ['build', undefined, 'networkmode=host', ['host-namespaces']],
    ['build', undefined, 'networkmode=default&networkmode=host', ['host-namespaces']],
    ['build', undefined, 'cgroupparent=/x', ['cgroup-parent']],
    ['build', undefined, 'securityopt=%5B%22seccomp=unconfined%22%5D', ['security-options']],
    ['build', undefined, 'remote=http://169.254.169.254/', ['remote-sources']],
    ['build', undefined, 'remote=client-session&networkmode=default&t=a', []],
    ['image', undefined, 'fromSrc=http://169.254.169.254/', ['remote-sources']],
    ['image', undefined, 'fromSrc=-&repo=a', []],
    ['image', undefined, 'fromImage=busybox&tag=1', []],
    ['tunnel', undefined, '', ['build-entitlements']],
  ] as const)('%s %j %s asks for %j', (kind, body, query, wanted) => {
    expect(asked(kind, body, query)).toEqual(wanted)
  })

  it('lets pass what the docker command and Compose send for plain containers', () => {
    const body = {
      Image: 'busybox',
      Cmd: ['/'],
      HostConfig: {
        Binds: ['data:/data', 'node-1/cache:/cache:ro', '/anonymous'],
        Mounts: [
          { Type: 'volume', Source: 'x', Target: '/x', VolumeOptions: { DriverConfig: { Name: 'local' } } },
          { Type: 'tmpfs', Target: '/t' },
        ],
        NetworkMode: 'shop_default',
        PidMode: '',
        IpcMode: 'shareable',
        CgroupnsMode: 'private',
        Privileged: false,
        CapAdd: null,
        CapDrop: ['ALL'],
        Devices: [],
        DeviceRequests: null,
        SecurityOpt: ['no-new-privileges', 'no-new-privileges:true'],
        MaskedPaths: null,
        ReadonlyPaths: null,
        Runtime: 'runc',
        Sysctls: {},
        CgroupParent: '',
        LogConfig: { Type: 'json-file', Config: { 'max-size': '10m' } },
        Memory: 2 ** 30,
        RestartPolicy: { Name: 'always' },
      },
      NetworkingConfig: { EndpointsConfig: { shop_default: { Aliases: ['web'] } } },
    }
    expect(asked('create', body)).toEqual([])
    expect(asked('update', { Memory: 1, RestartPolicy: { Name: 'no' }, CpuShares: 0 })).toEqual([])
    expect(asked('create', null)).toEqual([])
    const spec = { Image: 'a', Mounts: [{ Type: 'volume', Source: 'data', Target: '/d' }], Privileges: null }
    expect(asked('service', { TaskTemplate: { ContainerSpec: spec, Networks: [{ Target: 'front' }] } })).toEqual([])
  })
})
