import { Buffer } from 'node:buffer'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { issueCertificate, makeCa } from '../../io/certificates.ts'
import { systemClock } from '../../io/clock.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { RegistryClient, digestOf } from './client.ts'
import type { RegistryOptions } from './client.ts'

/** Against a registry made up here; test/e2e/compose-registry.e2e.ts has the real one. */

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise<void>((resolve) => void server.close(() => resolve()))
  }
})

interface Asked {
  readonly line: string
  readonly authorization: string | undefined
  readonly body: string
}

/** @param answer undefined: it never answers */
async function start(
  answer: (
    asked: Asked,
    origin: string,
  ) => { status: number; headers?: Record<string, string>; body?: string } | undefined,
): Promise<{ host: string; asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const one = { line: `${request.method} ${request.url}`, authorization: request.headers.authorization, body }
      asked.push(one)
      const reply = answer(one, `http://${request.headers.host}`)
      if (reply !== undefined) response.writeHead(reply.status, reply.headers).end(reply.body ?? '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  servers.push(server)
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

function open(host: string, options: Partial<RegistryOptions> & { readonly login?: object }): RegistryClient {
  const { login, ...rest } = options
  return new RegistryClient(
    { host, repository: 'team/app' },
    {
      clock: systemClock,
      isInsecure: true,
      auth: async () => login && Buffer.from(JSON.stringify(login)).toString('base64url'),
      ...rest,
    },
  )
}

/** A registry that wants a token, which its token service gives for `isKnown` only. */
function startGuarded(isKnown: (asked: Asked) => boolean): Promise<{ host: string; asked: Asked[] }> {
  return start((asked, origin) => {
    if (asked.line.includes('/token')) {
      return isKnown(asked) ? { status: 200, body: JSON.stringify({ access_token: 'pass' }) } : { status: 401 }
    }
    if (asked.authorization === 'Bearer pass') return { status: 200, body: '{}' }
    const headers = { 'WWW-Authenticate': `Bearer realm="${origin}/token",service="reg.example"` }
    return { status: 401, headers }
  })
}

describe('a registry', () => {
  it('that wants a token gets it for a user and a password', async () => {
    const known = `Basic ${Buffer.from('ann:pw').toString('base64')}`
    const { host, asked } = await startGuarded((one) => one.authorization === known)
    await open(host, { login: { username: 'ann', password: 'pw' } }).manifest('1')
    expect(asked.map(({ line }) => line)).toEqual([
      'GET /v2/team/app/manifests/1',
      'GET /token?service=reg.example&scope=repository%3Ateam%2Fapp%3Apull',
      'GET /v2/team/app/manifests/1',
    ])
    const wrong = open(host, { login: { username: 'ann', password: 'no' } })
    await expect(wrong.manifest('1')).rejects.toMatchObject({ code: 'engine/unauthorized' })
  })

  it('whose token service is down is not said to deny access', async () => {
    const { host } = await start(({ line }, origin) =>
      line.includes('/token')
        ? { status: 503 }
        : { status: 401, headers: { 'WWW-Authenticate': `Bearer realm="${origin}/token"` } },
    )
    await expect(open(host, {}).manifest('1')).rejects.toMatchObject({
      code: 'io/protocol',
      message: `http://${host} answered 503 to a token for ${host}/team/app`,
    })
  })

  it('that wants a token gets it for what a login left in place of a password', async () => {
    const { host, asked } = await startGuarded((one) => one.body.includes('refresh_token=r%2F1'))
    await open(host, { login: { identitytoken: 'r/1' } }).manifest('1')
    expect(asked[1]).toEqual({
      line: 'POST /token',
      authorization: undefined,
      body: 'grant_type=refresh_token&client_id=flotilla&service=reg.example&scope=repository%3Ateam%2Fapp%3Apull&refresh_token=r%2F1',
    })
    const wrong = open(host, { login: { identitytoken: 'old' } })
    await expect(wrong.manifest('1')).rejects.toMatchObject({ code: 'engine/unauthorized' })
  })

  it('is not followed out of TLS with what is put into it', async () => {
    const clear: string[] = []
    const elsewhere = await start(({ line }) => {
      clear.push(line)
      return { status: 201 }
    })
    const wanted = { commonName: 'x', organization: 'x', keyKind: 'ecdsa', nowMs: Date.now(), days: 30 } as const
    const ca = await makeCa(wanted)
    const pair = await issueCertificate(ca, { ...wanted, usages: ['server'], names: ['localhost'] })
    const server = createHttps(pair, (request, response) => {
      request.resume()
      if (request.method === 'HEAD') response.writeHead(404).end()
      else response.writeHead(202, { Location: `http://${elsewhere.host}/upload?state=1` }).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    servers.push(server)
    const host = `localhost:${(server.address() as AddressInfo).port}`
    const registry = open(host, { isInsecure: false, roots: async () => [ca.cert] })
    await expect(registry.putBlob(Buffer.from('SECRET=1'))).rejects.toThrow(
      `https://${host} redirects to http://${elsewhere.host}, which is refused`,
    )
    expect(clear).toEqual([])
  })

  it('has more time for a large blob than for a small answer', async () => {
    const clock = manualClock()
    const { host, asked } = await start(() => undefined)
    const large = { mediaType: 'x', digest: digestOf(Buffer.alloc(0)), size: 1024 * 1024 * 1024 }
    let end = ''
    const fetching = open(host, { clock }).blob(large, large.size)
    fetching.catch((error: unknown) => (end = String(error)))
    await expect.poll(() => asked.length).toBe(1)
    await clock.advance(60_000)
    expect(end).toBe('')
    await clock.advance(5 * 3_600_000)
    expect(end).toContain('did not answer within')
  })
})

describe('a registry that says odd things', () => {
  it.each(['http://[bad', ''])('is an error where it sends us to %j', async (location) => {
    const { host } = await start(({ line }) => {
      if (line.startsWith('HEAD')) return { status: 404 }
      return { status: line.startsWith('POST') ? 202 : 307, headers: { Location: location } }
    })
    const shown = location === '' ? 'it is empty' : JSON.stringify(location)
    const error = { code: 'io/protocol', message: `http://${host} redirects to no address: ${shown}` }
    await expect(open(host, {}).putBlob(Buffer.from('x'))).rejects.toMatchObject(error)
    await expect(open(host, {}).manifest('1')).rejects.toMatchObject(error)
  })

  it('gets no control character of its words to a terminal', async () => {
    const body = JSON.stringify({ errors: [{ message: `no\u001b[2J\n${'x'.repeat(5000)}` }] })
    const { host } = await start(() => ({ status: 500, body }))
    const error: unknown = await open(host, {})
      .manifest('1')
      .catch((thrown: unknown) => thrown)
    const { message } = error as Error
    expect(message).toMatch(/answered 500 to 1: no \[2J x+$/)
    expect(message.length).toBeLessThan(600)
  })

  it('that serves anybody is not told who asks', async () => {
    const { host } = await start(() => ({ status: 200, body: '{}' }))
    const auth = (): Promise<string> => Promise.reject(new Error('the key ring is locked'))
    await expect(open(host, { auth }).manifest('1')).resolves.toMatchObject({ digest: digestOf(Buffer.from('{}')) })
  })

  it('is believed to keep a manifest when it says which or where', async () => {
    const wrong = `sha256:${'0'.repeat(64)}`
    const put = async (headers: Record<string, string>): Promise<string> => {
      const { host } = await start(() => ({ status: 201, headers }))
      return open(host, {}).putManifest('1', 'application/json', Buffer.from('{}'))
    }
    const digest = digestOf(Buffer.from('{}'))
    await expect(put({ 'Docker-Content-Digest': digest })).resolves.toBe(digest)
    await expect(put({ Location: '/v2/team/app/manifests/1' })).resolves.toBe(digest)
    await expect(put({ 'Docker-Content-Digest': wrong, Location: '/x' })).rejects.toMatchObject({
      code: 'io/protocol',
      message: expect.stringContaining(`says it keeps "${wrong}" in place of ${digest}`),
    })
    await expect(put({})).rejects.toMatchObject({ message: expect.stringContaining('says it keeps nothing') })
  })
})
