import { describe, expect, it } from 'vitest'
import { placePorts, readSpanOptions } from './span-options.ts'

describe('readSpanOptions', () => {
  it('copies images and leaves networks alone unless told otherwise', () => {
    expect(readSpanOptions([])).toEqual({ distribution: 'peer' })
    expect(readSpanOptions(['swarm.overcommit=0.1', 'swarm.overlay=off', 'other'])).toEqual({ distribution: 'peer' })
    expect(readSpanOptions(['swarm.distribution=pull', 'swarm.overlay=on'])).toEqual({
      distribution: 'pull',
      overlay: {},
    })
  })

  it('reads how networks are made', () => {
    const values = ['swarm.overlay=on', 'swarm.overlay.pool=10.20.0.0/16,10.30.0.0/16']
    expect(readSpanOptions([...values, 'swarm.overlay.subnetsize=26', 'swarm.overlay.port=4790'])).toEqual({
      distribution: 'peer',
      overlay: { addressPools: ['10.20.0.0/16', '10.30.0.0/16'], subnetSize: 26, dataPathPort: 4790 },
    })
  })

  it('forwards ports where the endpoint listens, or where it is told', () => {
    expect(readSpanOptions(['swarm.ports=node'])).toEqual({ distribution: 'peer' })
    const { ports } = readSpanOptions(['swarm.ports=forward'])
    const here = [
      { kind: 'unix', path: '/run/x.sock' },
      { kind: 'tcp', host: '10.0.0.1', port: 2375 },
      { kind: 'unix', path: '/run/y.sock' },
    ] as const
    expect(placePorts(ports, here)).toEqual({
      hosts: ['127.0.0.1', '10.0.0.1'],
      range: { from: 61_000, to: 65_535 },
    })
    expect(placePorts(ports, [...here, { kind: 'tcp', host: '', port: 2376 }])?.hosts).toEqual(['::'])
    const told = ['swarm.ports=forward', 'swarm.ports.address=10.0.0.1,::1', 'swarm.ports.range=50000-50099']
    expect(placePorts(readSpanOptions(told).ports, here)).toEqual({
      hosts: ['10.0.0.1', '::1'],
      range: { from: 50_000, to: 50_099 },
    })
    expect(placePorts(undefined, here)).toBeUndefined()
  })

  it.each([
    ['swarm.ports=on', 'swarm.ports should be node or forward, "on" is invalid'],
    [
      'swarm.ports.address=localhost',
      'swarm.ports.address should be IP addresses of this machine, "localhost" is invalid',
    ],
    ['swarm.ports.range=9-8', 'swarm.ports.range should be a range of ports like 61000-65535, "9-8" is invalid'],
    [
      'swarm.ports.range=0-70000',
      'swarm.ports.range should be a range of ports like 61000-65535, "0-70000" is invalid',
    ],
    ['swarm.distribution=always', 'swarm.distribution should be peer or pull, "always" is invalid'],
    ['swarm.overlay=', 'swarm.overlay should be on or off, "" is invalid'],
    ['swarm.overlay.pool=here', 'swarm.overlay.pool should be address ranges like 10.20.0.0/16, "here" is invalid'],
    ['swarm.overlay.port=80', 'swarm.overlay.port should be a number from 1024 to 49151, "80" is invalid'],
    ['swarm.overlay.subnetsize=x', 'swarm.overlay.subnetsize should be a number from 1 to 29, "x" is invalid'],
  ])('refuses %s', (value, message) => {
    expect(() => readSpanOptions([value])).toThrow(message)
  })
})
