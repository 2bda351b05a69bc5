import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Target } from './find-forwards.ts'
import type { Relay } from './relay.ts'
import { openTcpRelay } from './tcp-relay.ts'
import { openUdpRelay } from './udp-relay.ts'

/** Containers listen on 127.0.0.1, 127.0.0.3 and so on, the manager on 127.0.0.2: each address has the port once. */
const manager = '127.0.0.2'
const opened: (() => void)[] = []
afterEach(() => {
  for (const close of opened.splice(0)) close()
})

function targetAt(host: string): Target {
  return { node: host, container: host, containerId: host, host, isDoubtful: false }
}

async function serve(host: string, port: number, handle: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    opened.push(() => socket.destroy())
    socket.on('error', () => undefined)
    handle(socket)
  })
  server.listen(port, host)
  await once(server, 'listening')
  opened.push(() => server.close())
  return (server.address() as AddressInfo).port
}

async function relayTo(port: number, hosts: readonly string[]): Promise<Relay> {
  const relay = await openTcpRelay({ host: manager, port, nowMs: () => 0, targets: () => hosts.map(targetAt) })
  opened.push(() => relay.close(true))
  return relay
}

async function talk(port: number, text: string | Buffer): Promise<string> {
  const socket = connect({ host: manager, port, allowHalfOpen: true })
  socket.end(text)
  let all = ''
  for await (const chunk of socket.setEncoding('utf8')) all += String(chunk)
  return all
}

describe('a TCP port that is forwarded', () => {
  it('passes both directions on, each to its own end', async () => {
    const port = await serve('127.0.0.1', 0, (socket) => {
      let length = 0
      socket.on('data', (chunk: Buffer) => (length += chunk.length))
      // Answers only when everything has come, and takes its time.
      socket.on('end', () => setTimeout(() => socket.end(`got ${length}`), 50))
    })
    const relay = await relayTo(port, ['127.0.0.1'])
    expect(await talk(port, Buffer.alloc(3_000_000, 1))).toBe('got 3000000')
    await expect.poll(() => relay.openCount).toBe(0)
  })

  it('loses nothing of what a client sends after the container has said its last', async () => {
    let length = 0
    let isDone = false
    const port = await serve('127.0.0.1', 0, (socket) => {
      socket.end('bye')
      setTimeout(() => socket.on('data', (chunk: Buffer) => (length += chunk.length)), 100)
      socket.on('end', () => (isDone = true))
    })
    await relayTo(port, ['127.0.0.1'])
    expect(await talk(port, Buffer.alloc(3_000_000, 1))).toBe('bye')
    await expect.poll(() => isDone).toBe(true)
    expect(length).toBe(3_000_000)
  })

  it('passes by who does not listen', async () => {
    const port = await serve('127.0.0.1', 0, (socket) => socket.end('first'))
    await serve('127.0.0.3', port, (socket) => socket.end('third'))
    await relayTo(port, ['127.0.0.4', '127.0.0.3', '127.0.0.1'])
    expect(await talk(port, '')).toBe('third')
  })

  it('resets a client that nobody takes, and one whose container breaks off', async () => {
    const port = await serve('127.0.0.1', 0, (socket) => socket.once('data', () => socket.resetAndDestroy()))
    await relayTo(port, ['127.0.0.1'])
    await expect(talk(port, 'x')).rejects.toThrow('ECONNRESET')
    const deaf = await openTcpRelay({ host: '127.0.0.5', port, nowMs: () => 0, targets: () => [targetAt('127.0.0.4')] })
    opened.push(() => deaf.close(true))
    const socket = connect({ host: '127.0.0.5', port })
    const [error] = (await once(socket, 'error')) as [Error]
    expect(error.message).toContain('ECONNRESET')
  })

  it('leaves the container when the client breaks off', async () => {
    let isGone = false
    const port = await serve('127.0.0.1', 0, (socket) => {
      socket.resume().write('hello')
      socket.on('close', () => (isGone = true))
    })
    const relay = await relayTo(port, ['127.0.0.1'])
    const client = connect({ host: manager, port })
    await once(client, 'data')
    client.resetAndDestroy()
    await expect.poll(() => isGone).toBe(true)
    await expect.poll(() => relay.openCount).toBe(0)
  })

  it('says that the port is taken', async () => {
    const port = await serve(manager, 0, (socket) => socket.end())
    await expect(openTcpRelay({ host: manager, port, nowMs: () => 0, targets: () => [] })).rejects.toThrow('EADDRINUSE')
  })
})

describe('a UDP port that is forwarded', () => {
  it('brings each client its own answers, and forgets who is silent', async () => {
    const server = createSocket('udp4')
    server.on('message', (packet, from) => server.send(`${packet.toString()}!`, from.port, from.address))
    server.bind(0, '127.0.0.1')
    await once(server, 'listening')
    opened.push(() => server.close())
    const { port } = server.address()
    const targets = (): readonly Target[] => [targetAt('127.0.0.1')]
    let nowMs = 0
    const relay = await openUdpRelay({ host: manager, port, nowMs: () => nowMs, targets })
    opened.push(() => relay.close(true))
    const ask = async (text: string): Promise<string> => {
      const client = createSocket('udp4')
      client.send(text, port, manager)
      const [packet] = (await once(client, 'message')) as [Buffer]
      client.close()
      return packet.toString()
    }
    expect(await Promise.all(['a', 'b', 'c'].map(ask))).toEqual(['a!', 'b!', 'c!'])
    expect(relay.openCount).toBe(3)
    nowMs = 60_000
    expect(await ask('d')).toBe('d!')
    nowMs = 100_000
    relay.sweep(nowMs)
    expect(relay.openCount).toBe(1)
  })
})
