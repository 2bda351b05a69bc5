import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderEndpoint } from '../../src/engine/endpoint-parse.ts'
import { issueCertificate, makeCa } from '../../src/io/certificates.ts'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'

const root = join(import.meta.dirname, '../..')
const bun = join(root, `node_modules/@oven/bun-${process.platform}-${process.arch}/bin/bun`)

const stops: (() => Promise<void>)[] = []
let addresses: Record<string, string>
let client: string

async function startRaw(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  stops.push(
    () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  )
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Sends a head and first bytes together; answers after the client has ended its side. */
function hijackWith(head: string): (socket: Socket) => void {
  return (socket) => {
    let got = ''
    socket.once('data', () => {
      socket.write(`${head}early `)
      socket.on('data', (chunk: Buffer) => {
        got += chunk.toString()
      })
      socket.on('end', () => setImmediate(() => socket.end(`late, after <${got}>`)))
    })
  }
}

async function startFake(tls?: { readonly cert: string; readonly key: string }): Promise<FakeEngine> {
  const fake = await startFakeEngine({ images: ['box:1'], ...(tls === undefined ? {} : { tls }) })
  stops.push(() => fake.stop())
  return fake
}

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-runtime-'))
  stops.push(() => rm(folder, { recursive: true, force: true }))
  client = join(folder, 'client.cjs')
  const bundle = await rolldown({ input: join(root, 'test/fixtures/engine-runtime/client.ts'), platform: 'node' })
  await bundle.write({ file: client, format: 'cjs', codeSplitting: false })
  await bundle.close()

  const wanted = { organization: 'test', keyKind: 'ecdsa', nowMs: Date.now(), days: 2 } as const
  const ca = await makeCa({ ...wanted, commonName: 'authority' })
  const names = ['127.0.0.1']
  const pair = await issueCertificate(ca, { ...wanted, commonName: 'engine', usages: ['server'], names })
  const gone = await startFakeEngine()
  const refused = renderEndpoint(gone.endpoint)
  await gone.stop()
  addresses = {
    fake: renderEndpoint((await startFake()).endpoint),
    tls: renderEndpoint((await startFake({ cert: pair.cert, key: pair.key })).endpoint),
    ca: ca.cert,
    refused,
    hijack101: await startRaw(
      hijackWith('HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n'),
    ),
    hijack200: await startRaw(hijackWith('HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n')),
    garbage: await startRaw((socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))),
    truncated: await startRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nOK')),
    ),
    closed: await startRaw((socket) => socket.once('data', () => socket.end())),
    silent: await startRaw((socket) => socket.resume()),
    tooLarge: await startRaw((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 13\r\nConnection: close\r\n\r\nfar too large')
      })
      socket.resume()
    }),
  }
})
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

const streams = {
  execBytes: 3_000_000,
  attachBytes: 2_000_000,
  logBytes: 2_000_000,
  StatusCode: 0,
  actions: ['create', 'start', 'exec_create: cat', 'exec_start: cat', 'exec_die', 'die', 'destroy'],
}

const expected = {
  streams,
  tls: streams,
  untrusted: expect.stringMatching(
    /^engine\/unreachable: cannot reach engine "tcp:\/\/HOST": its certificate is not trusted/,
  ),
  notFound: 'engine/not-found: No such exec instance: none',
  hijack101: 'early late, after <input>',
  hijack200: 'early late, after <input>',
  garbage: 'engine/protocol: invalid answer from engine "tcp://HOST": the peer does not speak HTTP',
  truncated:
    'engine/unreachable: cannot reach engine "tcp://HOST": the connection was closed in the middle of its answer',
  closed: 'engine/unreachable: cannot reach engine "tcp://HOST": the connection was closed before it answered',
  silent: 'engine/timeout: engine "tcp://HOST" did not answer GET /_ping within 100 ms',
  silentTls: 'engine/unreachable: cannot reach engine "tcp://HOST": no connection within 1000 ms',
  refused: 'engine/unreachable: cannot reach engine "tcp://HOST": connection refused',
  noSocket: 'engine/unreachable: cannot reach engine "unix:///nonexistent/docker.sock": no such socket',
  refusedUpload: 'engine/bad-request: far too large',
}

describe('the engine client, bundled as it is shipped', () => {
  it.for([
    ['Node', process.execPath],
    ['Bun', bun],
  ] as const)('behaves the same on %s, and the process ends by itself', async ([, runtime], { skip }) => {
    skip(!existsSync(runtime), `${runtime} is not installed`)
    const result = await execProgram([runtime, client, JSON.stringify(addresses)], {
      clock: systemClock,
      deadlineMs: 60_000,
    })
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(result.stdout)).toEqual(expected)
  })
})
