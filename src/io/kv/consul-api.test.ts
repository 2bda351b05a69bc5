import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { ConsulApi } from './consul-api.ts'

const asked: IncomingHttpHeaders[] = []
const server = createServer((request, reply) => {
  asked.push(request.headers)
  reply.end('[]')
})
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => new Promise((resolve) => server.close(resolve)))

describe('who asks Consul', () => {
  it.each([
    [{ token: 't', namespace: 'team' }, ['t', 'team', undefined]],
    [{ credentials: { user: 'u', password: 'p' } }, [undefined, undefined, 'Basic dTpw']],
    [{}, [undefined, undefined, undefined]],
  ])('%j is told with each call', async (options, expected) => {
    const { port } = server.address() as AddressInfo
    const endpoints = [{ host: '127.0.0.1', port }]
    const api = new ConsulApi({ endpoints, clock: systemClock, random: { next: () => 0 }, ...options })
    await api.read('docker/swarm', '')
    const headers = asked.at(-1)
    expect([headers?.['x-consul-token'], headers?.['x-consul-namespace'], headers?.authorization]).toEqual(expected)
    api.http.close()
  })
})
