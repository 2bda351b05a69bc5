import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { parseExactJson, renderExactJson } from '../../../core/exact-json.ts'
import type { JsonValue } from '../../../core/exact-json.ts'
import type { Fields } from '../../wire.ts'
import { bridgeCreate } from './create-body.ts'
import { bridgeNetwork } from './create-network.ts'
import { checkVersion, versionToTell } from './negotiate.ts'
import { bridgeVolumePrune } from './queries.ts'
import { bridgeBytes, bridgeContainer, bridgeImage } from './replies.ts'
import { differences } from './table.ts'
import { pairOf } from './versions.ts'

const older = { client: '1.51', engine: '1.41' }
const newer = { client: '1.24', engine: '1.44' }

/** One case for every line of the table: what goes in, and what has to come out. */
const cases: Readonly<Record<string, () => void>> = {
  'newer HostConfig.AutoRemove': () =>
    expect(create({ HostConfig: { AutoRemove: true, IpcMode: 'private' } }, newer)).toEqual({
      body: { HostConfig: { AutoRemove: false, IpcMode: 'private' } },
      connects: [],
      warnings: [],
    }),
  'newer HostConfig.IpcMode': () =>
    expect(create({ HostConfig: { Memory: 1 } }, newer).body).toEqual({
      HostConfig: { Memory: 1, IpcMode: 'shareable' },
    }),
  'newer Mounts[].VolumeOptions': () =>
    expect(mountsOf({ Type: 'bind', Source: '/a', Target: '/b', VolumeOptions: { NoCopy: true } }, newer)).toEqual([
      { Type: 'bind', Source: '/a', Target: '/b' },
    ]),
  'newer Mounts[].ReadOnly': () =>
    expect(mountsOf({ Type: 'bind', ReadOnly: true, BindOptions: { Propagation: 'rslave' } }, newer)).toEqual([
      { Type: 'bind', ReadOnly: true, BindOptions: { Propagation: 'rslave', ReadOnlyNonRecursive: true } },
    ]),
  'newer volumes/prune filter all': () =>
    expect(bridgeVolumePrune('filters=%7B%22label%22%3A%7B%22a%22%3Atrue%7D%7D', newer)).toEqual({
      kind: 'engine',
      query: new URLSearchParams({ filters: '{"label":["a"],"all":["true"]}' }).toString(),
    }),
  'older volumes/prune filter all': () => {
    expect(bridgeVolumePrune('filters={"all":["true"],"label":["a"]}', older)).toEqual({
      kind: 'engine',
      query: new URLSearchParams({ filters: '{"label":["a"]}' }).toString(),
    })
    expect(bridgeVolumePrune('filters={"all":["false"],"label":["a"]}', older)).toEqual({
      kind: 'anonymous',
      filters: '{"label":["a"]}',
    })
    expect(bridgeVolumePrune('', older)).toEqual({ kind: 'anonymous', filters: '' })
    expect(bridgeVolumePrune('x=1', { client: '1.41', engine: '1.41' })).toEqual({ kind: 'engine', query: 'x=1' })
    expect(() => bridgeVolumePrune('filters=[', older)).toThrow('invalid filter: not JSON')
  },
  'older HostConfig.Annotations': () =>
    expect(create({ HostConfig: { Annotations: { a: 'b' }, Memory: 1 } }, older)).toEqual({
      body: { HostConfig: { Memory: 1 } },
      connects: [],
      warnings: ['HostConfig.Annotations was left out: it needs API version 1.43, and node n1 speaks 1.41'],
    }),
  'older ReadOnlyForceRecursive': () =>
    expect(() => mountsOf({ Type: 'bind', BindOptions: { ReadOnlyForceRecursive: true } }, older)).toThrow(
      'BindOptions.ReadOnlyForceRecursive needs API version 1.44, and node n1 speaks 1.41: choose another node',
    ),
  'newer Config.MacAddress': () =>
    expect(
      create({ MacAddress: '02:00:00:00:00:01', HostConfig: { NetworkMode: 'net', IpcMode: 'x' } }, newer).body,
    ).toEqual({
      HostConfig: { NetworkMode: 'net', IpcMode: 'x' },
      NetworkingConfig: { EndpointsConfig: { net: { MacAddress: '02:00:00:00:00:01' } } },
    }),
  'older EndpointsConfig.MacAddress': () =>
    expect(
      create(
        {
          HostConfig: { NetworkMode: 'default' },
          NetworkingConfig: { EndpointsConfig: { default: { MacAddress: '02:00:00:00:00:01' } } },
        },
        older,
      ).body,
    ).toEqual({
      MacAddress: '02:00:00:00:00:01',
      HostConfig: { NetworkMode: 'default' },
      NetworkingConfig: { EndpointsConfig: { default: { MacAddress: '02:00:00:00:00:01' } } },
    }),
  'older EndpointsConfig': () =>
    expect(
      create(
        {
          HostConfig: { NetworkMode: 'b' },
          NetworkingConfig: { EndpointsConfig: { a: { Aliases: ['x'] }, b: null, c: {} } },
        },
        older,
      ),
    ).toEqual({
      body: { HostConfig: { NetworkMode: 'b' }, NetworkingConfig: { EndpointsConfig: { b: null } } },
      connects: [
        { network: 'a', endpoint: { Aliases: ['x'] } },
        { network: 'c', endpoint: {} },
      ],
      warnings: [],
    }),
  'older Healthcheck.StartInterval': () =>
    expect(create({ Healthcheck: { Test: ['CMD', 'true'], StartInterval: 5_000_000_000 } }, older)).toEqual({
      body: { Healthcheck: { Test: ['CMD', 'true'] } },
      connects: [],
      warnings: ['Healthcheck.StartInterval was left out: it needs API version 1.44, and node n1 speaks 1.41'],
    }),
  'older CheckDuplicate': () => {
    expect(bridgeNetwork({ Name: 'a' }, older, 'n1')).toEqual({ Name: 'a', CheckDuplicate: true })
    expect(bridgeNetwork({ Name: 'a' }, newer, 'n1')).toEqual({ Name: 'a' })
  },
  'newer image VirtualSize': () => {
    expect(bridgeImage({ Id: 'x', Size: 7 }, newer)).toEqual({ Id: 'x', Size: 7, VirtualSize: 7 })
    expect(bridgeImage({ Size: 7 }, older)).toEqual({ Size: 7 })
  },
  'newer inspect Config.MacAddress': () =>
    expect(
      bridgeContainer(
        {
          Config: { Image: 'x' },
          HostConfig: { NetworkMode: 'default' },
          NetworkSettings: { IPAddress: '', Networks: { bridge: { MacAddress: '02:42:ac:11:00:02' } } },
        },
        newer,
      )['Config'],
    ).toEqual({ Image: 'x', MacAddress: '02:42:ac:11:00:02' }),
  'older VolumeOptions.Subpath': () =>
    expect(() => mountsOf({ Type: 'volume', VolumeOptions: { Subpath: 'a' } }, older)).toThrow(
      /^VolumeOptions.Subpath needs API version 1.45/,
    ),
  'older TmpfsOptions.Options': () =>
    expect(
      create({ HostConfig: { Mounts: [{ Type: 'tmpfs', TmpfsOptions: { Options: [['exec']] } }] } }, older),
    ).toEqual({
      body: { HostConfig: { Mounts: [{ Type: 'tmpfs', TmpfsOptions: {} }] } },
      connects: [],
      warnings: ['TmpfsOptions.Options was left out: it needs API version 1.46, and node n1 speaks 1.41'],
    }),
  'older Mounts[].ImageOptions': () =>
    expect(() => mountsOf({ Type: 'image', ImageOptions: { Subpath: 'a' } }, older)).toThrow(
      /^a mount of type image needs API version 1.48/,
    ),
  'older EndpointsConfig.GwPriority': () =>
    expect(
      create({ NetworkingConfig: { EndpointsConfig: { a: { GwPriority: 1 } } } }, { client: '1.51', engine: '1.45' })
        .warnings,
    ).toEqual(['GwPriority was left out: it needs API version 1.48, and node n1 speaks 1.45']),
  'older EnableIPv4': () =>
    expect(() => bridgeNetwork({ EnableIPv4: false }, older, 'n1')).toThrow(/^EnableIPv4 needs API version 1.48/),
  'newer inspect NetworkSettings': () =>
    expect(
      bridgeContainer(
        {
          NetworkSettings: {
            Networks: { bridge: { IPAddress: '172.17.0.2', IPPrefixLen: 16, Gateway: '172.17.0.1' } },
          },
        },
        { client: '1.51', engine: '1.52' },
      ),
    ).toEqual({
      NetworkSettings: {
        EndpointID: '',
        Gateway: '172.17.0.1',
        GlobalIPv6Address: '',
        GlobalIPv6PrefixLen: 0,
        IPAddress: '172.17.0.2',
        IPPrefixLen: 16,
        IPv6Gateway: '',
        MacAddress: '',
        Networks: { bridge: { IPAddress: '172.17.0.2', IPPrefixLen: 16, Gateway: '172.17.0.1' } },
      },
    }),
}

function create(body: Fields, pair: typeof older): ReturnType<typeof bridgeCreate> {
  return bridgeCreate(body, pair, 'n1')
}

function mountsOf(mount: Fields, pair: typeof older): unknown {
  const { body } = create({ HostConfig: { IpcMode: 'x', Mounts: [mount] } }, pair)
  return (body['HostConfig'] as Fields)['Mounts']
}

describe('the table of differences', () => {
  it.each(differences)('$engine engine, $version: $field is $treatment', ({ engine, field }) => {
    const run = cases[`${engine} ${field}`]
    expect(run).toBeDefined()
    run?.()
  })

  it('has a line for every case', () => {
    expect(Object.keys(cases).sort()).toEqual(differences.map(({ engine, field }) => `${engine} ${field}`).sort())
  })
})

describe('what is not in the table', () => {
  const text = '{"Image":"a","HostConfig":{"Memory":9223372036854775807,"Future":{"x":[1,{"y":null}]}},"Unheard":1e400}'

  it.each([older, newer])('passes untouched, with every digit: $client to $engine', (pair) => {
    const { body } = create(parseExactJson(text) as Fields, pair)
    const { IpcMode: _, ...host } = body['HostConfig'] as Fields
    expect(renderExactJson({ ...body, HostConfig: host } as JsonValue)).toBe(text)
  })

  it('a create in the engine’s own version is the same object', () => {
    const body = { HostConfig: { Annotations: { a: 'b' } } }
    expect(create(body, { client: '1.41', engine: '1.41' }).body).toBe(body)
  })

  it('a reply that is no object, or no JSON, is handed on as it is', () => {
    const list = Buffer.from('[1]')
    const noise = Buffer.from('{"a":')
    expect([bridgeBytes(list, () => ({})), bridgeBytes(noise, () => ({}))]).toEqual([list, noise])
    expect(bridgeBytes(Buffer.from('{"n":12345678901234567890}'), (value) => value).toString()).toBe(
      '{"n":12345678901234567890}\n',
    )
  })
})

describe('versions', () => {
  it.each([
    ['1.41', undefined, '1.41'],
    ['1.41', 'Docker-Client/28.2.2 (linux)', '1.41'],
    ['1.41', 'Docker-Client/29.1.0 (linux)', '1.44'],
    ['1.48', 'Docker-Client/29.1.0 (linux)', '1.48'],
  ])('where %s is common, client %s is told %s', (common, agent, told) => {
    expect(versionToTell(common, agent)).toBe(told)
  })

  it('what is no version of this API is refused in an engine’s words', () => {
    for (const served of [undefined, '1.12', '1.24', '1.99']) expect(() => checkVersion(served, '1.41')).not.toThrow()
    expect(() => checkVersion('2.0', '1.41')).toThrow(
      'client version 2.0 is too new. Maximum supported API version is 1.41',
    )
    expect(() => checkVersion('0.9', '1.41')).toThrow(
      'client version 0.9 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
    )
  })

  it('a request without version means the engine’s newest, or ours', () => {
    expect(pairOf(undefined, '', '1.41')).toEqual({ client: '1.51', engine: '1.41' })
    expect(pairOf(undefined, '', '1.60')).toEqual({ client: '1.60', engine: '1.60' })
    expect(pairOf('1.24', '/v1.44', '1.52')).toEqual({ client: '1.24', engine: '1.44' })
  })
})
