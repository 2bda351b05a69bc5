import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startWebProxy } from '../../testing/web-proxy.ts'
import type { WebProxyServer } from '../../testing/web-proxy.ts'
import { issueCertificate, makeCa } from '../certificates.ts'
import type { CertificatePair } from '../certificates.ts'
import { systemClock } from '../clock.ts'
import { findProxy } from './find-proxy.ts'
import { requestBytes } from './web.ts'
import type { ByteReply } from './web.ts'

/** Names that no resolver knows, so that whatever arrives came through the proxy. */
const host = 'registry.invalid'

let ca: CertificatePair
let pair: CertificatePair
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  const wanted = { commonName: 'x', organization: 'x', keyKind: 'ecdsa', nowMs: Date.now(), days: 30 } as const
  ca = await makeCa(wanted)
  pair = await issueCertificate(ca, { ...wanted, usages: ['server'], names: [host] })
})

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function serve(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => void server.close(resolve)))
  return (server.address() as AddressInfo).port
}

async function startProxy(port: number, login?: string): Promise<WebProxyServer> {
  const proxy = await startWebProxy({
    dial: () => ({ host: '127.0.0.1', port }),
    ...(login !== undefined && { login }),
  })
  closing.push(() => proxy.close())
  return proxy
}

function ask(url: string, proxyUrl: string, authority = ca.cert): Promise<ByteReply> {
  const proxy = findProxy(new URL(url), { HTTPS_PROXY: proxyUrl, HTTP_PROXY: proxyUrl })
  return requestBytes(
    {
      method: 'POST',
      url: new URL(url),
      headers: {},
      body: Buffer.from('asked'),
      maxBytes: 1000,
      tls: { ca: authority },
      ...(proxy && { proxy }),
    },
    { deadlineMs: 10_000 },
    systemClock,
  )
}

describe('a request through a proxy', () => {
  it('for https goes through a tunnel, and the certificate is checked for the name of the service', async () => {
    const port = await serve(createHttps(pair, (call, reply) => void call.pipe(reply)))
    const proxy = await startProxy(port)
    const reply = await ask(`https://${host}:5000/v2/`, proxy.url.href)
    expect([reply.status, reply.body.toString()]).toEqual([200, 'asked'])
    expect(proxy.asked).toEqual([`CONNECT ${host}:5000`])
    const other = await makeCa({ commonName: 'y', organization: 'y', keyKind: 'ecdsa', nowMs: Date.now(), days: 30 })
    await expect(ask(`https://${host}:5000/v2/`, proxy.url.href, other.cert)).rejects.toThrow(
      `cannot reach https://${host}:5000 through the proxy ${proxy.url.origin} (HTTPS_PROXY)`,
    )
    await expect(ask('https://other.invalid/', proxy.url.href)).rejects.toThrow(/other\.invalid/)
  })

  it('for http is asked of the proxy itself', async () => {
    const port = await serve(createHttp((call, reply) => void call.pipe(reply)))
    const proxy = await startProxy(port)
    expect((await ask(`http://${host}:81/v2/`, proxy.url.href)).body.toString()).toBe('asked')
    expect(proxy.asked).toEqual([`POST http://${host}:81/v2/`])
  })

  it('gives the name and password that its URL holds, and shows neither', async () => {
    const port = await serve(createHttps(pair, (_, reply) => void reply.end('in')))
    const proxy = await startProxy(port, 'ann:se:cret')
    const withLogin = new URL(proxy.url)
    withLogin.username = 'ann'
    withLogin.password = 'se:cret'
    expect((await ask(`https://${host}/`, withLogin.href)).body.toString()).toBe('in')
    withLogin.password = 'wrong'
    await expect(ask(`http://${host}/`, withLogin.href)).rejects.toThrow(
      `cannot reach http://${host}: the proxy ${proxy.url.origin} (HTTP_PROXY) answered 407`,
    )
    const refused: unknown = await ask(`https://${host}/`, withLogin.href).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'io/connect',
      message: `cannot reach https://${host}: the proxy ${proxy.url.origin} (HTTPS_PROXY) answered 407`,
      hint: 'it wants a name and a password, which have their place in the URL of HTTPS_PROXY',
    })
  })

  it('that the proxy cannot pass on, or that finds no proxy, is not taken for an answer of the service', async () => {
    const dead = await startProxy(1)
    await expect(ask(`https://${host}/`, dead.url.href)).rejects.toThrow(
      `cannot reach https://${host}: the proxy ${dead.url.origin} (HTTPS_PROXY) answered 502`,
    )
    await dead.close()
    closing.length = 0
    await expect(ask(`https://${host}/`, dead.url.href)).rejects.toThrow(
      new RegExp(`^cannot reach https://${host} through the proxy http://127\\.0\\.0\\.1:\\d+ \\(HTTPS_PROXY\\): `),
    )
  })
})
