import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { toMessage } from '../../core/errors.ts'
import { GobEncoder } from '../../core/gob/encoder.ts'
import { gobString, gobUint } from '../../core/gob/type.ts'
import type { GobType } from '../../core/gob/type.ts'
import { systemClock } from '../clock.ts'
import { dialRpc } from './client.ts'
import type { RpcArgument, RpcClient } from './client.ts'

/** Servers that answer wrongly; real ones in Go are in `test/e2e/machine-go-plugin.e2e.ts`. */

const welcome = 'HTTP/1.0 200 Connected to Go RPC\n\n'
const nothing: RpcArgument = { type: { kind: 'struct', name: '', fields: [] } satisfies GobType, value: {} }
const responseType: GobType = {
  kind: 'struct',
  name: 'Response',
  fields: [
    { name: 'ServiceMethod', type: gobString },
    { name: 'Seq', type: gobUint },
    { name: 'Error', type: gobString },
  ],
}

let server: Server | undefined
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  server?.close()
})

/** Connects to a server that answers the greeting with `first`, and each later piece by `answer`. */
async function dial(first: string | Buffer, answer: (socket: Socket) => void = () => {}): Promise<RpcClient> {
  server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(first)
      socket.on('data', () => answer(socket))
    })
  })
  await new Promise<void>((resolve) => void server?.listen(0, '127.0.0.1', resolve))
  return dialRpc({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }, { deadlineMs: 5000 }, systemClock)
}

async function problem(body: Promise<unknown>): Promise<string> {
  return body.then(
    (value) => `no problem: ${JSON.stringify(value)}`,
    (error: unknown) => toMessage(error),
  )
}

/** Answers call after call. */
function answers(encoder: GobEncoder, seq: number, error: string, text: string): Buffer {
  const head = encoder.encode(responseType, { ServiceMethod: 'S.M', Seq: seq, Error: error })
  return Buffer.concat([head, encoder.encode(gobString, text)])
}

describe('a client of net/rpc', () => {
  it('matches answers that come in another order, in pieces, and one to a call that was given up', async () => {
    const encoder = new GobEncoder()
    let calls = 0
    const client = await dial(welcome, (socket) => {
      calls += 1
      if (calls < 3) return
      const all = [answers(encoder, 2, '', 'two'), answers(encoder, 0, '', 'zero'), answers(encoder, 1, 'no', '')]
      for (const byte of Buffer.concat(all)) socket.write(Uint8Array.of(byte))
    })
    const stop = new AbortController()
    const given = problem(client.call('S.M', nothing, { signal: stop.signal }))
    stop.abort()
    expect(await given).toBe('the operation was cancelled')
    await expect.poll(() => calls).toBe(1)
    const second = client.call('S.M', nothing, {})
    await expect.poll(() => calls).toBe(2)
    const third = client.call('S.M', nothing, {})
    expect(await third).toEqual({ kind: 'value', value: 'two' })
    expect(await second).toEqual({ kind: 'refused', text: 'no' })
    client.close()
    expect(await problem(client.call('S.M', nothing, {}))).toBe('connection is shut down')
  })

  it.each([
    ['nothing but a line', 'hello\n\n', 'unexpected HTTP response: "hello"'],
    ['an error', 'HTTP/1.0 405 Method Not Allowed\n\n', 'unexpected HTTP response: "HTTP/1.0 405 Method Not Allowed"'],
    ['a head without end', 'x'.repeat(20_000), `unexpected HTTP response: "${'x'.repeat(200)}"`],
  ])('%s for a welcome is refused', async (_, first, text) => {
    expect(await problem(dial(first))).toBe(text)
  })

  it.each([
    ['no gob', Buffer.from([0xf8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), /^gob: a message is longer than/],
    ['a text where a head should be', Buffer.from('070c00046e6f6e65', 'hex'), /^the answer does not say to which call/],
    ['an answer to no call', answers(new GobEncoder(), 7, '', 'x'), /^the answer belongs to no call$/],
    ['the end', undefined, /^unexpected EOF$/],
  ])('%s in place of an answer ends the connection and every call', async (_, bytes, text) => {
    const client = await dial(welcome, (socket) => (bytes === undefined ? socket.end() : socket.write(bytes)))
    const both = [problem(client.call('S.M', nothing, {})), problem(client.call('S.M', nothing, {}))]
    for (const said of await Promise.all(both)) expect(said).toMatch(text)
    expect(toMessage(await client.closed)).toMatch(text)
  })

  it('waits no longer than it may, for the welcome or an answer', async () => {
    const client = await dial(welcome)
    expect(await problem(client.call('S.M', nothing, { deadlineMs: 50 }))).toBe('timed out after 50 ms')
    expect(await problem(dialRpc({ host: '127.0.0.1', port: 1 }, {}, systemClock))).toBe(
      'dial tcp 127.0.0.1:1: connect: connection refused',
    )
  })
})
