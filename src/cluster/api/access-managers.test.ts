import { request as plainRequest } from 'node:http'
import { request } from 'node:https'
import type { RequestOptions } from 'node:https'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { issueCertificate, makeCa } from '../../io/certificates.ts'
import type { CertificatePair } from '../../io/certificates.ts'
import { systemClock } from '../../io/clock.ts'
import { systemRandom } from '../../io/random.ts'
import { ask } from '../../testing/endpoint-bed.ts'
import { eventually } from '../../testing/manager-bed.ts'
import { memoryElection } from '../../testing/memory-election.ts'
import type { MemoryElection } from '../../testing/memory-election.ts'
import { hashToken, indexAccess } from '../access/identify.ts'
import { parseAccess } from '../access/parse-access.ts'
import { startEndpoint } from '../endpoint.ts'
import type { EndpointOptions, RunningEndpoint } from '../endpoint.ts'
import { defaultFilters } from '../filters/default-filters.ts'
import { spreadStrategy } from '../strategies/spread.ts'

/** Certificates, and what managers tell each other of who asks. */

const rules = `
users:
  alice: {certificate: alice, role: operator}
  bot: {token: "sha256:${hashToken('bot')}", role: viewer}
managers: [m2]
socket: none
`

interface Pairs {
  readonly ca: string
  readonly alice: CertificatePair
  readonly eve: CertificatePair
  readonly late: CertificatePair
  readonly stranger: CertificatePair
  readonly m1: CertificatePair
  readonly m2: CertificatePair
}

async function makePairs(): Promise<Pairs> {
  const nowMs = systemClock.nowMs()
  const wanted = (commonName: string): Parameters<typeof makeCa>[0] => {
    return { commonName, organization: 'test', keyKind: 'ecdsa', nowMs, days: 2 }
  }
  const [ca, otherCa] = [await makeCa(wanted('ca')), await makeCa(wanted('other ca'))]
  const client = { usages: ['client'], names: [] } as const
  const manager = { usages: ['server', 'client'], names: ['localhost', '127.0.0.1'] } as const
  return {
    ca: ca.cert,
    alice: await issueCertificate(ca, { ...wanted('alice'), ...client }),
    eve: await issueCertificate(ca, { ...wanted('eve'), ...client }),
    late: await issueCertificate(ca, { ...wanted('alice'), ...client, nowMs: nowMs - 10 * 86_400_000 }),
    stranger: await issueCertificate(otherCa, { ...wanted('alice'), ...client }),
    m1: await issueCertificate(ca, { ...wanted('m1'), ...manager }),
    m2: await issueCertificate(ca, { ...wanted('m2'), ...manager }),
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Manager {
  readonly endpoint: RunningEndpoint
  readonly port: number
}

async function startManager(memory: MemoryElection, more: Partial<EndpointOptions>, text = rules): Promise<Manager> {
  const port = await freePort()
  const endpoint = await startEndpoint({
    discovery: {
      register: () => Promise.reject(new Error('not here')),
      async *watch(call) {
        yield []
        await new Promise<void>((resolve) => call?.signal?.addEventListener('abort', () => resolve()))
      },
    },
    listen: [{ kind: 'tcp', host: '127.0.0.1', port }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    replication: { leader: memory.leader(), address: `127.0.0.1:${port}` },
    access: { index: indexAccess(parseAccess(text, 'access.yaml')) },
    ...more,
  })
  return { endpoint, port }
}

function tlsOf(pairs: Pairs, pair: CertificatePair): Pick<EndpointOptions, 'listenTls' | 'engineTls'> {
  return {
    listenTls: { ...pair, clientCa: pairs.ca, isClientCertOptional: true },
    engineTls: { ...pair, ca: pairs.ca, isVerified: true },
  }
}

function askTls(
  port: number,
  ca: string,
  path: string,
  more: RequestOptions & { readonly body?: string } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const { body = '', ...rest } = more
    const options = { port, host: '127.0.0.1', path, ca, agent: false, ...rest } as const
    const sent = request(options, (reply) => {
      let all = ''
      reply.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
      reply.on('end', () => resolve(`${reply.statusCode ?? 0} ${all.trim()}`))
      reply.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

let pairs: Pairs
beforeAll(async () => {
  pairs = await makePairs()
})

describe('an endpoint with TLS and rules', () => {
  let manager: Manager
  beforeAll(async () => {
    manager = await startManager(memoryElection(), tlsOf(pairs, pairs.m1))
    await eventually(() => manager.endpoint.role.kind === 'primary', 'a primary')
  })
  afterAll(() => manager.endpoint.closeNow())

  const whoami = (more: RequestOptions = {}): Promise<string> =>
    askTls(manager.port, pairs.ca, '/flotilla/whoami', more)

  it('knows certificates of the authority, and takes tokens of clients without one', async () => {
    expect(await whoami(pairs.alice)).toBe('200 {"Name":"alice","Role":"operator","How":"certificate"}')
    const headers = { authorization: 'Bearer bot' }
    expect(await whoami({ headers })).toBe('200 {"Name":"bot","Role":"viewer","How":"token"}')
    expect(await whoami()).toMatch(/^401 .*has to know who you are/)
    expect(await whoami(pairs.eve)).toMatch(/^401 .*nobody has a certificate with the common name \\"eve\\"/)
  })

  it('refuses certificates that do not count, whatever else comes', async () => {
    const headers = { authorization: 'Bearer bot' }
    expect(await whoami({ ...pairs.stranger, headers })).toMatch(/^401 .*not signed by the authority of this endpoint/)
    expect(await whoami(pairs.late)).toMatch(/^401 .*your certificate does not count: it has expired/)
  })

  it('knows them on a session that is taken up again', async () => {
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      const reused: boolean[] = []
      let session: Buffer | undefined
      for (let turn = 0; turn < 2; turn += 1) {
        const told = await new Promise<string>((resolve, reject) => {
          const options = { port: manager.port, host: '127.0.0.1', ca: pairs.ca, maxVersion: version, ...pairs.alice }
          const socket = connect({ ...options, ...(session === undefined ? {} : { session }) }, () => {
            reused.push(socket.isSessionReused())
            socket.write('GET /flotilla/whoami HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
          })
          let all = ''
          socket.on('session', (next) => (session = next))
          socket.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
          socket.on('end', () => resolve(all))
          socket.on('error', reject)
        })
        expect(told).toContain('{"Name":"alice","Role":"operator","How":"certificate"}')
      }
      expect(reused).toEqual([false, true])
    }
  })

  it('believes no client that says to ask for somebody', async () => {
    const headers = { 'x-flotilla-caller': 'certificate alice', 'x-flotilla-replica': '127.0.0.1:1' }
    expect(await whoami({ ...pairs.alice, headers })).toMatch(/^403 .*only a manager may say for whom it asks/)
    expect(await whoami({ headers })).toMatch(/^403 /)
    expect(await whoami({ ...pairs.m2, headers })).toBe('200 {"Name":"alice","Role":"operator","How":"certificate"}')
  })

  it('hears managers, and only them', async () => {
    const body = JSON.stringify({ Address: '10.0.0.9:1' })
    const announce = (pair: CertificatePair): Promise<string> => {
      const headers = { 'content-length': body.length }
      return askTls(manager.port, pairs.ca, '/flotilla/managers', { ...pair, method: 'POST', headers, body })
    }
    expect(await announce(pairs.alice)).toMatch(/^403 /)
    expect(await announce(pairs.m2)).toBe('200 {}')
    const create = { ...pairs.m2, method: 'POST' }
    expect(await askTls(manager.port, pairs.ca, '/containers/create', create)).toMatch(/^403 .*\\"m2\\" \(viewer\)/)
  })
})

describe('a replica', () => {
  it('tells the primary who asks, where managers have certificates', async () => {
    const memory = memoryElection()
    // Each trusts the other: m1 by the list, m2 by its own key.
    const first = await startManager(memory, tlsOf(pairs, pairs.m2), rules.replace('[m2]', '[m1]'))
    const second = await startManager(memory, tlsOf(pairs, pairs.m1))
    try {
      await eventually(() => second.endpoint.role.primary !== undefined, 'word of the primary')
      await eventually(async () => {
        const told = await askTls(first.port, pairs.ca, '/flotilla/managers', pairs.alice)
        return told.includes(`127.0.0.1:${second.port}`)
      }, 'the announcement of the replica')
      const through = (path: string, more: RequestOptions): Promise<string> => askTls(second.port, pairs.ca, path, more)
      expect(await through('/flotilla/whoami', pairs.alice)).toBe(
        '200 {"Name":"alice","Role":"operator","How":"certificate"}',
      )
      const headers = { authorization: 'Bearer bot' }
      expect(await through('/flotilla/whoami', { headers })).toBe('200 {"Name":"bot","Role":"viewer","How":"token"}')
      expect(await through('/flotilla/whoami', {})).toMatch(/^401 /)
      expect(await through('/containers/create', { method: 'POST', headers })).toMatch(/^403 .*\\"bot\\" \(viewer\)/)
      expect(await through('/flotilla/rebalance', { method: 'POST', ...pairs.alice })).not.toMatch(/^40[13] /)
      const forged = { 'x-flotilla-caller': 'certificate alice', ...headers }
      expect(await through('/flotilla/whoami', { headers: forged })).toMatch(/^403 /)
    } finally {
      second.endpoint.closeNow()
      first.endpoint.closeNow()
    }
  })

  it('passes tokens on where they have none, and says of the rest that it cannot', async () => {
    const memory = memoryElection()
    const text = rules.replace('none', 'admin')
    const socket = `/tmp/flotilla-access-${process.pid}.sock`
    const first = await startManager(memory, {}, text)
    const second = await startManager(memory, {}, text)
    const third = await startManager(memory, { listen: [{ kind: 'unix', path: socket }] }, text)
    try {
      await eventually(() => second.endpoint.role.primary !== undefined, 'word of the primary')
      await eventually(() => third.endpoint.role.primary !== undefined, 'word of the primary')
      const bot = await ask(second.port, 'GET', '/flotilla/whoami', undefined, { authorization: 'Bearer bot' })
      expect(bot.body).toBe('{"Name":"bot","Role":"viewer","How":"token"}\n')
      expect((await ask(second.port, 'GET', '/flotilla/whoami')).status).toBe(401)
      const told = await new Promise<string>((resolve, reject) => {
        const sent = plainRequest({ socketPath: socket, path: '/flotilla/whoami', agent: false }, (reply) => {
          let all = ''
          reply.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
          reply.on('end', () => resolve(`${reply.statusCode ?? 0} ${all.trim()}`))
        })
        sent.on('error', reject)
        sent.end()
      })
      expect(told).toBe(
        '403 {"message":"access denied to a client of the local socket: this manager is a replica and has no certificate to show to the primary: send a token, or ask the primary"}',
      )
    } finally {
      for (const each of [third, second, first]) each.endpoint.closeNow()
    }
  })
})
