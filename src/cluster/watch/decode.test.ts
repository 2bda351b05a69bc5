import { describe, expect, it } from 'vitest'
import { decodeImage, decodeNetwork, decodeVolume } from './decode-lists.ts'
import { decodeContainer } from './decode.ts'

const facts = { cpus: 4, clockDeltaMs: 1000, name: 'n1' }

const row = {
  Id: 'c1',
  Names: ['/app/alias', '/web'],
  Image: 'nginx',
  ImageID: 'sha256:1',
  Command: 'run',
  Created: 10,
  State: 'running',
  Labels: { app: 'x', 'com.docker.swarm.id': 's1', odd: 3 },
  Ports: [
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8003, Type: 'tcp' },
    { IP: '::', PrivatePort: 80, PublicPort: 8003, Type: 'tcp' },
    { PrivatePort: 81, Type: 'tcp' },
  ],
  HostConfig: { NetworkMode: 'default' },
  NetworkSettings: { Networks: { bridge: { NetworkID: 'n1', IPAddress: '172.17.0.2', Aliases: null } } },
  Mounts: [{ Type: 'volume', Name: 'data', Source: '/s', Destination: '/d' }],
}

const inspect = {
  Created: '1970-01-01T00:00:10.5Z',
  State: {
    Status: 'running',
    ExitCode: 0,
    StartedAt: '1970-01-01T00:00:11Z',
    FinishedAt: '0001-01-01T00:00:00Z',
    Health: { Status: 'starting' },
  },
  HostConfig: {
    NetworkMode: 'mine',
    CpuShares: 512,
    NanoCpus: 0,
    Memory: 7,
    PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8000-8010' }], '53/udp': [{ HostIp: '', HostPort: '53' }] },
  },
  Config: { ExposedPorts: { '80/tcp': {} } },
}

describe('containers', () => {
  it('are made of a list row and an inspect reply', () => {
    const view = decodeContainer(row, inspect, undefined, facts)
    expect(view).toMatchObject({
      id: 'c1',
      swarmId: 's1',
      // The own name comes before aliases, whatever the order of the engine.
      names: ['web', 'app/alias'],
      labels: new Map([
        ['app', 'x'],
        ['com.docker.swarm.id', 's1'],
      ]),
      networkMode: 'mine',
      exposed: ['80/tcp'],
      // 512 of 1024 shares of 4 CPUs.
      nanoCpus: 2e9,
      memoryBytes: 7,
      healthCheck: 'starting',
      // Times carry the clock correction; Go's zero time is none.
      createdAtMs: 11_500,
      startedAtMs: 12_000,
      finishedAtMs: 0,
      endpoints: [{ network: 'bridge', networkId: 'n1', ipAddress: '172.17.0.2', aliases: [] }],
      mounts: [{ kind: 'volume', name: 'data', source: '/s', target: '/d' }],
      isPartial: false,
    })
  })

  it('a range that led to a port is that port', () => {
    const view = decodeContainer(row, inspect, undefined, facts)
    expect(
      view.ports.map((claim) => `${claim.hostIp}:${String(claim.from)}-${String(claim.to)}/${claim.protocol}`),
    ).toEqual([':53-53/udp', '0.0.0.0:8003-8003/tcp', ':::8003-8003/tcp'])
    const stopped = decodeContainer({ ...row, Ports: [] }, inspect, undefined, facts)
    expect(stopped.ports.map((claim) => claim.to - claim.from)).toEqual([10, 0])
  })

  it('are partial without an inspect reply, or keep the details known before', () => {
    expect(decodeContainer(row, undefined, undefined, facts)).toMatchObject({
      isPartial: true,
      memoryBytes: 0,
      state: 'running',
    })
    const before = decodeContainer(row, inspect, undefined, facts)
    const after = decodeContainer({ ...row, Names: ['/site'], State: 'paused' }, undefined, before, facts)
    expect(after).toMatchObject({
      isPartial: false,
      names: ['site'],
      state: 'paused',
      memoryBytes: 7,
      startedAtMs: 12_000,
    })
  })

  it('survive replies in which every field has the wrong type', () => {
    const odd = { Id: 1, Names: 'x', Labels: [], Ports: [null, 'x'], NetworkSettings: 'x', Mounts: {}, State: 'odd' }
    const view = decodeContainer(odd, { State: [], HostConfig: null, Config: 1, Created: 'x' }, undefined, facts)
    expect(view).toMatchObject({ id: '', names: [], ports: [], nanoCpus: 0, state: 'created', createdAtMs: 0 })
  })
})

it('images lose the engine’s marks for "no name"', () => {
  expect(decodeImage({ Id: 'i', RepoTags: ['<none>:<none>'], RepoDigests: null, Created: 2 })).toMatchObject({
    id: 'i',
    repoTags: [],
    repoDigests: [],
    createdAtMs: 2000,
  })
})

it('networks and volumes are local unless they say otherwise', () => {
  expect(decodeNetwork({ Id: 'n', Name: 'x', Driver: 'bridge' })).toMatchObject({ scope: 'local', driver: 'bridge' })
  expect(decodeVolume({ Name: 'v', Driver: 'nfs', Scope: 'global' })).toMatchObject({ scope: 'global', driver: 'nfs' })
})
