import { describe, expect, it } from 'vitest'
import type { FlagValues } from '../../core/flag.ts'
import { toCreateBody } from './create-body.ts'
import type { explainFlags } from './cluster-flags.ts'

type Flags = FlagValues<typeof explainFlags>

function body(over: Partial<Flags>, image?: string, given: Record<string, unknown> = {}): unknown {
  const none = { env: [], label: [], publish: [], volume: [], 'volumes-from': [], link: [], name: '', platform: '' }
  return toCreateBody({ ...none, ...over } as unknown as Flags, image, given)
}

describe('the body that docker run would send', () => {
  it('carries every flag', () => {
    expect(
      body(
        {
          env: ['constraint:zone==a'],
          label: ['app=x', 'bare'],
          memory: '512m',
          'cpu-shares': 2,
          cpus: 1.5,
          gpus: '2',
          publish: ['8080:80'],
          network: 'host',
          volume: ['data:/x'],
          'volumes-from': ['db'],
          link: ['db:sql'],
        },
        'nginx',
      ),
    ).toEqual({
      Image: 'nginx',
      Env: ['constraint:zone==a'],
      Labels: { app: 'x', bare: '' },
      ExposedPorts: { '80/tcp': {} },
      HostConfig: {
        Memory: 536_870_912,
        CpuShares: 2,
        NanoCpus: 1_500_000_000,
        DeviceRequests: [{ Driver: '', Count: 2, Capabilities: [['gpu']] }],
        PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
        NetworkMode: 'host',
        Binds: ['data:/x'],
        VolumesFrom: ['db'],
        Links: ['db:sql'],
      },
    })
  })

  it('adds to a body that was given', () => {
    const given = { Image: 'a', Env: ['A=1'], Other: 1, HostConfig: { Memory: 5, Binds: ['x:/x'] } }
    expect(body({ env: ['B=2'], volume: ['y:/y'] }, undefined, given)).toEqual({
      Image: 'a',
      Env: ['A=1', 'B=2'],
      Other: 1,
      HostConfig: { Memory: 5, Binds: ['x:/x', 'y:/y'] },
    })
  })

  it.each([
    ['80', { '80/tcp': [{ HostIp: '', HostPort: '' }] }],
    ['53:53/udp', { '53/udp': [{ HostIp: '', HostPort: '53' }] }],
    ['127.0.0.1:8080:80', { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] }],
    ['[::1]:8080:80', { '80/tcp': [{ HostIp: '::1', HostPort: '8080' }] }],
    ['8000-8001:80', { '80/tcp': [{ HostIp: '', HostPort: '8000-8001' }] }],
    ['8000-8001:80-81', { '80/tcp': [{ HostIp: '', HostPort: '8000' }], '81/tcp': [{ HostIp: '', HostPort: '8001' }] }],
  ])('-p %s', (text, PortBindings) => {
    expect(body({ publish: [text] })).toMatchObject({ HostConfig: { PortBindings } })
  })

  it.each([
    ['all', { Count: -1 }],
    ['"device=0,GPU-1"', { Count: 0, DeviceIDs: ['0', 'GPU-1'] }],
    ['count=3', { Count: 3 }],
    ['count=all', { Count: -1 }],
  ])('--gpus %s', (gpus, expected) => {
    expect(body({ gpus })).toMatchObject({ HostConfig: { DeviceRequests: [expected] } })
  })

  it.each([
    [{ memory: '1x' }, 'invalid --memory "1x": not a size such as 512m'],
    [{ memory: '-1' }, 'invalid --memory "-1"'],
    [{ memory: '1e30' }, 'invalid --memory "1e30"'],
    [{ cpus: 1e30 }, 'invalid --cpus "1e+30"'],
    [{ cpus: 1e-10 }, 'invalid --cpus "1e-10"'],
    [{ cpus: Number.NaN }, 'invalid --cpus "NaN"'],
    [{ cpus: -1 }, 'invalid --cpus "-1"'],
    [{ gpus: 'many' }, 'invalid --gpus "many"'],
    [{ publish: ['99999:80'] }, 'invalid --publish "99999": not ports from 1 to 65535'],
    [{ publish: ['8000-8002:80-81'] }, 'invalid --publish "8000-8002:80-81": not ranges of one length'],
    [{ publish: ['a:b:c:d'] }, 'invalid --publish'],
  ])('%j is refused by name', (flags, message) => {
    expect(() => body(flags as Partial<Flags>)).toThrow(message)
  })
})
