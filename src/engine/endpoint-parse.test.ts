import { describe, expect, it } from 'vitest'
import { parseEndpoint, renderEndpoint } from './endpoint-parse.ts'

const tls = { isVerified: true }

describe('parseEndpoint', () => {
  it.each([
    ['unix:///run/docker.sock', { kind: 'unix', path: '/run/docker.sock' }],
    ['unix://', { kind: 'unix', path: '/var/run/docker.sock' }],
    ['npipe:////./pipe/docker_engine', { kind: 'npipe', path: '//./pipe/docker_engine' }],
    ['tcp://10.0.0.2:2376', { kind: 'tcp', host: '10.0.0.2', port: 2376 }],
    ['tcp://node1', { kind: 'tcp', host: 'node1', port: 2375 }],
    ['tcp://:4000', { kind: 'tcp', host: 'localhost', port: 4000 }],
    ['tcp://', { kind: 'tcp', host: 'localhost', port: 2375 }],
    ['tcp://[::1]:99/', { kind: 'tcp', host: '::1', port: 99 }],
    ['TCP://node1:1', { kind: 'tcp', host: 'node1', port: 1 }],
    ['http://node1', { kind: 'tcp', host: 'node1', port: 80 }],
    ['https://node1', { kind: 'tcp', host: 'node1', port: 443, tls: { isVerified: true } }],
    ['10.0.0.2', { kind: 'tcp', host: '10.0.0.2', port: 2375 }],
    [' node1:2380 ', { kind: 'tcp', host: 'node1', port: 2380 }],
    [
      'ssh://ops@node1:2222/run/docker.sock',
      { kind: 'ssh', host: 'node1', port: 2222, user: 'ops', socketPath: '/run/docker.sock' },
    ],
    ['ssh://node1', { kind: 'ssh', host: 'node1' }],
    ['ssh://[fe80::1]:22', { kind: 'ssh', host: 'fe80::1', port: 22 }],
  ])('%s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint)
  })

  it('gives a TCP endpoint the certificates and their default port', () => {
    expect(parseEndpoint('tcp://node1', tls)).toEqual({ kind: 'tcp', host: 'node1', port: 2376, tls })
    expect(parseEndpoint('unix:///a', tls)).toEqual({ kind: 'unix', path: '/a' })
  })

  it.each([
    ['', 'it is empty'],
    ['fd://', 'fd:// is an address to listen on, not one to connect to'],
    ['gopher://x', 'unknown scheme "gopher"'],
    ['tcp://a:0', '"0" is not a port between 1 and 65535'],
    ['tcp://a:99999', '"99999" is not a port between 1 and 65535'],
    ['tcp://a:b:c', 'it is not of the form host:port'],
    ['tcp://node1/path', 'a path after the port is not supported'],
    ['tcp://me@node1', 'a user name is only possible with ssh://'],
    ['tcp://a b', 'it is not of the form host:port'],
    ['/var/run/docker.sock', 'it has no scheme; did you mean "unix:///var/run/docker.sock"?'],
    ['ssh://-oProxyCommand=x', 'a host or user must not start with a dash'],
    ['ssh://a%zz@host', 'a % in it is not followed by two digits that stand for a character'],
    ['ssh://-l@host', 'a host or user must not start with a dash'],
    ['ssh://host?x=1', 'a query or fragment has no meaning here'],
  ])('refuses %j and says why', (text, reason) => {
    expect(() => parseEndpoint(text)).toThrow(
      expect.objectContaining({
        code: 'engine/invalid-endpoint',
        message: `invalid engine address ${JSON.stringify(text)}: ${reason}`,
      }),
    )
  })

  it('does not repeat a password that it refuses', () => {
    expect(() => parseEndpoint('ssh://me:hunter2@host')).toThrow('invalid engine address "ssh://me:***@host"')
  })

  it.each(['unix:///a/b', 'tcp://[::1]:99', 'tcp://n:1', 'ssh://u@h:5/s', 'ssh://h', 'npipe:////./pipe/x'])(
    'renders %s back',
    (text) => {
      expect(renderEndpoint(parseEndpoint(text))).toBe(text)
    },
  )
})
