import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { issueCertificate, makeCa } from '../../io/certificates.ts'
import type { CertificatePair } from '../../io/certificates.ts'
import { systemClock } from '../../io/clock.ts'
import { eventually } from '../../testing/manager-bed.ts'
import { EndpointServer } from './server.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

let pair: CertificatePair
beforeAll(async () => {
  const about = { organization: 'test', keyKind: 'ecdsa', nowMs: Date.now() } as const
  const ca = await makeCa({ ...about, commonName: 'ca', days: 10 })
  pair = await issueCertificate(ca, {
    ...about,
    commonName: 'manager',
    days: 10,
    usages: ['server'],
    names: ['127.0.0.1'],
  })
})

async function startServer(until?: Promise<void>): Promise<{ readonly server: EndpointServer; readonly port: number }> {
  const server = new EndpointServer({
    clock: systemClock,
    log: silentLog,
    handle: async (exchange) => {
      if (exchange.head.target === '/slow') await until
      exchange.reply(200, [], 'fine')
    },
  })
  cleanups.push(() => server.closeNow())
  const address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }, pair)
  return { server, port: address.kind === 'tcp' ? address.port : 0 }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
    cleanups.push(() => socket.destroy())
  })
}

/** A handshake behind it: the server has taken in whoever came before. */
function ask(port: number, path = '/_ping', over?: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connectTls(
      { ...(over === undefined ? { port, host: '127.0.0.1' } : { socket: over }), rejectUnauthorized: false },
      () => {
        socket.write(`GET ${path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n`)
      },
    )
    socket.setEncoding('utf8').on('data', (part: string) => (text += part))
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })
}

it('a server with TLS closes although somebody is connected who never begins a handshake', async () => {
  const { server, port } = await startServer()
  const silent = await open(port)
  expect(await ask(port)).toContain('fine')
  await server.close()
  await eventually(() => silent.closed, 'the silent one is cut off')
})

it('who gets through the handshake while the server closes is cut off without an answer, and the others get theirs', async () => {
  let release = (): void => undefined
  const { server, port } = await startServer(new Promise((resolve) => (release = resolve)))
  const late = await open(port)
  late.removeAllListeners('error')
  const slow = ask(port, '/slow')
  expect(await ask(port)).toContain('fine')
  const closed = server.close()
  await expect(ask(port, '/_ping', late).catch(() => '')).resolves.toBe('')
  release()
  expect(await slow).toContain('fine')
  await closed
})

it('who begins something that is no handshake is cut off', async () => {
  const { port } = await startServer()
  const odd = await open(port)
  odd.resume().write('GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n')
  await eventually(() => odd.closed, 'the odd one is cut off')
  expect(await ask(port)).toContain('fine')
})

it('a path that can be no socket is refused by its reason, and a file there stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-listen-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  const server = new EndpointServer({ clock: systemClock, log: silentLog, handle: () => {} })
  cleanups.push(() => server.closeNow())
  const listen = (path: string): Promise<unknown> => server.listen({ kind: 'unix', path }, undefined)
  const file = join(folder, 'notes')
  writeFileSync(file, 'keep me')
  await expect(listen(file)).rejects.toThrow(`listen unix ${file}: something that is no socket is there`)
  expect(readFileSync(file, 'utf8')).toBe('keep me')
  await expect(listen(join(folder, 'no/x.sock'))).rejects.toThrow(`: there is no folder ${join(folder, 'no')}`)
  const long = `/${'x'.repeat(107)}`
  await expect(listen(long)).rejects.toThrow(`listen unix ${long}: a socket's path has at most 107 bytes, this one 108`)
})
