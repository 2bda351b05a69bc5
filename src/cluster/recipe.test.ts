import { describe, expect, it } from 'vitest'
import { draftRecipe, hasPolicy, readRecipe, renderEndpoints, withNetworks } from './recipe.ts'

const id = 'abcdef0123456789'.repeat(4)
const node = { cpus: 4, name: 'n1' }

const inspect = {
  Id: id,
  State: { StartedAt: '2026-01-01T00:00:00Z' },
  Config: { Hostname: id.slice(0, 12), Image: 'nginx', Env: ['A=b'], Cmd: null, Labels: { x: 'y' } },
  HostConfig: {
    NetworkMode: 'front',
    CpuShares: 512,
    Memory: 5,
    Binds: ['data:/data', '/etc:/host:ro'],
    Links: ['/db:/web/base'],
    MemorySwappiness: null,
  },
  Mounts: [
    { Type: 'volume', Name: 'data', Driver: 'local' },
    { Type: 'volume', Name: 'f'.repeat(64), Driver: 'local' },
    { Type: 'bind', Source: '/etc' },
  ],
  NetworkSettings: {
    Networks: {
      front: { EndpointID: 'e1', IPAddress: '10.0.0.2', Aliases: [id.slice(0, 12), 'www'], IPAMConfig: null },
      back: { EndpointID: 'e2', IPAMConfig: { IPv4Address: '10.1.0.9' }, DriverOpts: { a: 'b' } },
      bridge: { EndpointID: 'e3' },
    },
  },
}

describe('a recipe', () => {
  it('is what a client could have asked for', () => {
    expect(readRecipe(inspect, node)).toEqual({
      body: {
        Image: 'nginx',
        Env: ['A=b'],
        Labels: { x: 'y' },
        HostConfig: {
          NetworkMode: 'front',
          // 512 of 1024 shares of 4 CPUs.
          CpuShares: 2,
          Memory: 5,
          Binds: ['data:/data', '/etc:/host:ro'],
          Links: ['db:base'],
        },
      },
      networks: [
        { name: 'front', settings: { Aliases: ['www'] } },
        { name: 'back', settings: { IPAMConfig: { IPv4Address: '10.1.0.9' }, DriverOpts: { a: 'b' } } },
      ],
      volumes: [{ name: 'data', driver: 'local' }],
      endpointIds: 'back=e2 bridge=e3 front=e1',
    })
  })

  it('knows which names engines invent', () => {
    const of = (hostName: string, mode: string) =>
      readRecipe(
        { ...inspect, Config: { Hostname: hostName, ExposedPorts: {} }, HostConfig: { NetworkMode: mode } },
        node,
      ).body
    expect(of('own', 'bridge')).toMatchObject({ Hostname: 'own', ExposedPorts: {} })
    expect(of('n1', 'host')).not.toHaveProperty('Hostname')
    // Both belong to the container that is joined, and engines refuse them.
    expect(Object.keys(of('own', 'container:x'))).toEqual(['HostConfig'])
  })

  it('a volume whose name looks invented is meant when it was asked for', () => {
    const name = 'f'.repeat(64)
    const asked = { ...inspect, HostConfig: { Mounts: [{ Type: 'volume', Source: name }] } }
    expect(readRecipe(asked, node).volumes.map((volume) => volume.name)).toEqual(['data', name])
  })

  it('in a network of a swarm only an address that was there before the first start was asked for', () => {
    const networks = { wide: { NetworkID: 'abcdefghij0123456789klmno', IPAMConfig: { IPv4Address: '10.0.1.5' } } }
    const started = { ...inspect, NetworkSettings: { Networks: networks } }
    const fresh = { ...started, State: { StartedAt: '0001-01-01T00:00:00Z' } }
    const asked = [{ name: 'wide', settings: { IPAMConfig: { IPv4Address: '10.0.1.5' } } }]
    expect(readRecipe(started, node).networks).toEqual([{ name: 'wide', settings: {} }])
    expect(readRecipe(fresh, node).networks).toEqual(asked)
    expect(readRecipe(started, node, readRecipe(fresh, node)).networks).toEqual(asked)
  })

  it('gives engines that take one network at create the one of its mode', () => {
    const { body, networks } = readRecipe(inspect, node)
    const many = withNetworks(body, networks, true)
    expect([
      Object.keys((many.body['NetworkingConfig'] as { EndpointsConfig: object }).EndpointsConfig),
      many.later,
    ]).toEqual([['front', 'back'], []])
    const one = withNetworks(body, networks, false)
    expect(one.body['NetworkingConfig']).toEqual({ EndpointsConfig: { front: { Aliases: ['www'] } } })
    expect(one.later.map((use) => use.name)).toEqual(['back'])
  })

  it('is known from the create call before any engine has told', () => {
    const hostConfig = {
      NetworkMode: 'front',
      Binds: ['data:/data', '/etc:/etc', '/anonymous'],
      Mounts: [
        { Type: 'volume', Source: 'far', VolumeOptions: { DriverConfig: { Name: 'rexray' } } },
        { Type: 'tmpfs' },
      ],
    }
    const endpoints = { EndpointsConfig: { back: { IPAMConfig: { IPv4Address: '10.0.0.9' } } } }
    expect(draftRecipe({ Image: 'nginx', HostConfig: hostConfig, NetworkingConfig: endpoints })).toEqual({
      body: { Image: 'nginx', HostConfig: hostConfig },
      networks: [
        { name: 'front', settings: {} },
        { name: 'back', settings: { IPAMConfig: { IPv4Address: '10.0.0.9' } } },
      ],
      volumes: [
        { name: 'data', driver: 'local' },
        { name: 'far', driver: 'rexray' },
      ],
      endpointIds: '',
    })
  })

  it('notices other endpoints', () => {
    expect(renderEndpoints({ b: { EndpointID: '2' }, a: {} })).toBe('a= b=2')
  })
})

describe('the policy label', () => {
  it.each([
    ['["on-node-failure"]', true],
    ['["off"]', false],
    ['[]', false],
    ['["on-node-failure","off"]', false],
    ['on-node-failure', false],
    ['{', false],
  ])('%s: %s', (json, isKept) => {
    expect(hasPolicy(new Map([['com.docker.swarm.reschedule-policies', json]]))).toBe(isKept)
  })
})
