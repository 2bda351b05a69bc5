import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ServerConnection } from './http1/connection.ts'
import type { Exchange } from './http1/exchange.ts'
import { defaultLimits } from '../limits.ts'
import { ListWriter } from './list-writer.ts'

const mebibyte = 1024 * 1024

describe('ListWriter', () => {
  let server: Server | undefined

  afterEach(() => {
    vi.restoreAllMocks()
    server?.close()
  })

  /** Answers the only request with what `write` writes; the client has been connected and has asked. */
  async function ask(write: (exchange: Exchange) => void): Promise<Socket> {
    server = createServer((socket) => {
      const host = {
        tick: 0,
        isClosing: false,
        limits: { ...defaultLimits, unreadMs: 1000 },
        onGone: () => undefined,
        onRequest: (exchange: Exchange) => {
          exchange.startStream(200, [])
          write(exchange)
        },
      }
      return new ServerConnection(socket, host)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    return client
  }

  async function readBody(client: Socket): Promise<string> {
    const chunks: Buffer[] = []
    for await (const chunk of client) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('latin1')
    let at = text.indexOf('\r\n\r\n') + 4
    let body = ''
    for (;;) {
      const lineEnd = text.indexOf('\r\n', at)
      const length = Number.parseInt(text.slice(at, lineEnd), 16)
      if (length === 0) return body
      body += text.slice(lineEnd + 2, lineEnd + 2 + length)
      at = lineEnd + 2 + length + 2
    }
  }

  it('writes pieces of any length', async () => {
    const lengths = [0, 1, 63, 64, 65, 1000, 16_000, 17_000, 128 * 1024 - 12, 128 * 1024, 400_000, 3]
    const pieces = lengths.map((length, index) => String.fromCodePoint(97 + index).repeat(length))
    const client = await ask((exchange) => {
      const writer = new ListWriter(exchange)
      for (const piece of pieces) writer.write(piece)
      writer.end()
    })
    expect(await readBody(client)).toBe(pieces.join(''))
  })

  it('uses its memory again and lets others have their turn', async () => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow')
    let turns = 0
    let isWriting = true
    function count(): void {
      turns += 1
      if (isWriting) setImmediate(count)
    }
    setImmediate(count)
    const row = 'r'.repeat(1000)
    const client = await ask((exchange) => void writeRows(exchange))
    async function writeRows(exchange: Exchange): Promise<void> {
      turns = 0
      const writer = new ListWriter(exchange)
      for (let written = 0; written < 20 * mebibyte; written += row.length) {
        if (!writer.isReady) await writer.drain()
        writer.write(row)
      }
      isWriting = false
      writer.end()
    }
    const body = await readBody(client)
    expect(body.length).toBeGreaterThanOrEqual(20 * mebibyte)
    expect(allocate.mock.calls.length).toBeLessThan(10)
    // One after each mebibyte, or up to a block later.
    expect(turns).toBeGreaterThanOrEqual(Math.floor(20 / (1 + 1 / 8)))
  })

  it('waits for a client that reads nothing, and no longer than it stays', async () => {
    let seen: Exchange | undefined
    let waiting = 0
    const over: string[] = []
    const client = await ask((exchange) => {
      seen = exchange
      void Promise.all([writeUntilGone(exchange, 'first'), writeUntilGone(exchange, 'second')])
    })
    async function writeUntilGone(exchange: Exchange, name: string): Promise<void> {
      const writer = new ListWriter(exchange)
      while (!exchange.isGone) {
        waiting += writer.isReady ? 0 : 1
        if (!writer.isReady) await writer.drain()
        writer.write('r'.repeat(100_000))
      }
      over.push(name)
    }
    client.pause()
    await vi.waitFor(() => expect(seen?.connection.socket.writableNeedDrain).toBe(true), 30_000)
    const before = waiting
    await pause(50)
    expect(waiting).toBeLessThanOrEqual(before + 2)
    expect(over).toEqual([])
    client.destroy()
    await vi.waitFor(() => expect(over.toSorted()).toEqual(['first', 'second']), 30_000)
  })
})
