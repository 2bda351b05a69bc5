import { describe, expect, it } from 'vitest'
import { choosePorts, leavesPortOpen } from './choose-ports.ts'

const range = { from: 61_000, to: 61_002 }

function bind(bindings: unknown, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { Image: 'x', HostConfig: { PortBindings: bindings, Memory: 7, ...more } }
}

function counter(): (protocol: string, from: number, to: number) => number | undefined {
  let used = 0
  return (_protocol, from, to) => (from + used > to ? undefined : from + used++)
}

describe('leavesPortOpen', () => {
  it.each([
    [bind({ '80/tcp': [{ HostPort: '8080' }] }), false],
    [bind({ '80/tcp': null }), false],
    [bind({ '80/tcp': [] }), false],
    [bind({ '80/tcp': [{ HostPort: '' }] }), true],
    [bind({ '80/tcp': [{ HostPort: '0' }] }), true],
    [bind({ '80/tcp': [{}] }), true],
    [bind({ '80/tcp': [{ HostPort: '8000-8001' }] }), true],
    [bind({ '80/tcp': [{ HostPort: '8000-8000' }] }), false],
    [bind({}, { PublishAllPorts: true }), true],
    [{ Image: 'x' }, false],
  ])('%j: %s', (body, expected) => {
    expect(leavesPortOpen(body)).toBe(expected)
  })
})

describe('choosePorts', () => {
  it('settles what is open and leaves the rest as it is', () => {
    const body = bind({
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '' },
        { HostIp: '::', HostPort: '0' },
        { HostIp: '', HostPort: '8080' },
      ],
      '53/udp': [{ HostPort: '5300-5310' }],
      '9/tcp': null,
    })
    expect(choosePorts(body, ['7/tcp'], range, counter())).toEqual({
      Image: 'x',
      HostConfig: {
        Memory: 7,
        PortBindings: {
          '80/tcp': [
            { HostIp: '0.0.0.0', HostPort: '61000' },
            { HostIp: '::', HostPort: '61000' },
            { HostIp: '', HostPort: '8080' },
          ],
          '53/udp': [{ HostPort: '5301' }],
          '9/tcp': null,
        },
      },
    })
  })

  it('publishes all ports, those of the image too, but none twice', () => {
    const body = {
      ...bind({ '80/tcp': [{ HostPort: '8080' }] }, { PublishAllPorts: true }),
      ExposedPorts: { '81': {} },
    }
    const { HostConfig } = choosePorts(body, ['80/tcp', '53/udp'], range, counter()) as { HostConfig: unknown }
    expect(HostConfig).toEqual({
      Memory: 7,
      PublishAllPorts: true,
      PortBindings: {
        '80/tcp': [{ HostPort: '8080' }],
        '81/tcp': [{ HostIp: '', HostPort: '61000' }],
        '53/udp': [{ HostIp: '', HostPort: '61001' }],
      },
    })
  })

  it('leaves to the engine what no number is left for', () => {
    const body = bind({ '80/tcp': [{ HostPort: '' }] })
    expect(choosePorts(body, [], range, () => undefined)).toEqual(body)
  })
})
