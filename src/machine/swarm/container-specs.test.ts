import { describe, expect, it } from 'vitest'
import { emptySwarmOptions } from '../record.ts'
import type { SwarmOptions } from '../host.ts'
import { isListDiscovery, listSwarmContainers, readSwarmPort, specLabel, toCreateBody } from './container-specs.ts'

const swarm: SwarmOptions = {
  ...emptySwarmOptions,
  IsSwarm: true,
  Master: true,
  Agent: true,
  Discovery: 'token://abc',
  Host: 'tcp://0.0.0.0:3376',
  Image: 'swarm:latest',
  Strategy: 'spread',
}
const place = { address: '192.0.2.7', enginePort: 2376, optionsDir: '/etc/docker', env: ['A=b c'] }

describe('the containers of a classic swarm', () => {
  it('have the names, arguments and ports that docker-machine gave them', () => {
    const options = { ...swarm, ArbitraryFlags: ['heartbeat=5s'], ArbitraryJoinFlags: ['ttl=30s'] }
    const [manager, agent, ...more] = listSwarmContainers(options, place)
    expect(more).toEqual([])
    expect(manager?.name).toBe('swarm-agent-master')
    expect(manager?.command.join(' ')).toBe(
      'manage --tlsverify --tlscacert=/etc/docker/ca.pem --tlscert=/etc/docker/server.pem --tlskey=/etc/docker/server-key.pem -H tcp://0.0.0.0:3376 --strategy spread --advertise 192.0.2.7:3376 --heartbeat=5s token://abc',
    )
    expect(agent).toMatchObject({ name: 'swarm-agent', binds: [], port: undefined, env: ['A=b c'] })
    expect(agent?.command.join(' ')).toBe('join --advertise 192.0.2.7:2376 --ttl=30s token://abc')
    expect(toCreateBody(manager!, 'x')).toMatchObject({
      ExposedPorts: { '2375/tcp': {}, '3376/tcp': {} },
      HostConfig: {
        Binds: ['/etc/docker:/etc/docker'],
        PortBindings: { '3376/tcp': [{ HostIp: '0.0.0.0', HostPort: '3376' }] },
        RestartPolicy: { Name: 'always' },
      },
    })
  })

  it('advertise the port that the manager really has, and the address that was given', () => {
    const options = { ...swarm, Host: 'tcp://0.0.0.0:4000', Address: 'node.example', IsExperimental: true }
    const [manager, agent] = listSwarmContainers(options, { ...place, address: '2001:db8::7' })
    expect(manager?.command[0]).toBe('--experimental')
    expect(manager?.command).toContain('[2001:db8::7]:4000')
    expect(agent?.command).toEqual(['--experimental', 'join', '--advertise', 'node.example:2376', 'token://abc'])
    expect(readSwarmPort('tcp://0.0.0.0')).toBe(3376)
  })

  it('a discovery that is a list has no agent, a machine without swarm nothing', () => {
    expect(listSwarmContainers({ ...swarm, Discovery: 'nodes://a:2376' }, place).map((each) => each.name)).toEqual([
      'swarm-agent-master',
    ])
    expect(listSwarmContainers({ ...swarm, IsSwarm: false }, place)).toEqual([])
    expect(['nodes://a', 'file:///x', 'etcd://a/b', 'token://t'].map(isListDiscovery)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('carry a label that changes with options and image', () => {
    const [manager] = listSwarmContainers(swarm, place)
    const [other] = listSwarmContainers({ ...swarm, Strategy: 'binpack' }, place)
    const label = (body: Readonly<Record<string, unknown>>): string | undefined =>
      (body['Labels'] as Record<string, string>)[specLabel]
    expect(label(toCreateBody(manager!, 'x'))).toBe(label(toCreateBody(listSwarmContainers(swarm, place)[0]!, 'x')))
    expect(label(toCreateBody(manager!, 'x'))).not.toBe(label(toCreateBody(manager!, 'y')))
    expect(label(toCreateBody(manager!, 'x'))).not.toBe(label(toCreateBody(other!, 'x')))
  })
})
