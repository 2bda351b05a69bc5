import { describe, expect, it } from 'vitest'
import { makeNode } from '../../testing/cluster-builders.ts'
import { spliceInspect } from './inspect.ts'

const node = makeNode('n1', { ip: '10.0.0.7', cpus: 2, memoryBytes: 4096, labels: new Map([['zone', 'a']]) })

function spliceText(body: string): string {
  return Buffer.concat(spliceInspect(Buffer.from(body), node)).toString()
}

function splice(value: unknown): unknown {
  return JSON.parse(spliceText(JSON.stringify(value)))
}

describe('spliceInspect', () => {
  it('adds the node and puts its address where a port is bound to every interface, once', () => {
    const ports = {
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
      ],
      '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '81' }],
      '82/tcp': null,
    }
    const bindings = { '80/tcp': [{ HostIp: '', HostPort: '8080' }] }
    expect(
      splice({ Id: 'x', HostConfig: { PortBindings: bindings }, NetworkSettings: { Ports: ports, Bridge: '' } }),
    ).toEqual({
      Node: { ID: node.id, IP: '10.0.0.7', Addr: 'n1:2375', Name: 'n1', Cpus: 2, Memory: 4096, Labels: { zone: 'a' } },
      Id: 'x',
      HostConfig: { PortBindings: bindings },
      NetworkSettings: {
        Ports: {
          '80/tcp': [{ HostIp: '10.0.0.7', HostPort: '8080' }],
          '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '81' }],
          '82/tcp': null,
        },
        Bridge: '',
      },
    })
  })

  it('is not fooled by texts that look like the fields it wants', () => {
    const trap = '"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"1"}]}}'
    const value = { Config: { Labels: { trap } }, NetworkSettings: { Ports: {} } }
    expect(splice(value)).toMatchObject(value)
  })

  it('keeps numbers that a double cannot hold', () => {
    const body = '{"Id":"x","HostConfig":{"MemorySwap":9223372036854775807},"NetworkSettings":{"Ports":{}}}'
    expect(spliceText(body)).toContain('"MemorySwap":9223372036854775807')
  })
})
