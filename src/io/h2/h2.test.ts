import { Buffer } from 'node:buffer'
import http2 from 'node:http2'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { MessageWriter } from '../../core/protobuf.ts'
import { GRPC, GrpcClient, GrpcError, serveGrpc } from './grpc.ts'
import type { GrpcHandler } from './grpc.ts'
import { FLAG, FRAME, renderFrame, renderNumber, renderSettings } from './frame.ts'
import { HpackDecoder, encodeHeaders } from './hpack.ts'

/** Against the implementation of Node, which is nghttp2, and against itself. */

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

describe('hpack', () => {
  it('reads what it writes, long and empty values too', () => {
    const headers = [
      [':path', '/a'],
      ['x-long', 'v'.repeat(70_000)],
      ['x-empty', ''],
    ] as const
    expect(new HpackDecoder().decode(encodeHeaders(headers))).toEqual(headers)
  })

  it.each([
    // RFC 7541, C.4.1 to C.4.3: three requests on one connection, in Huffman code.
    [
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
      ['custom-key', 'custom-value'],
    ],
  ])('keeps its table as the standard says', (blocks, last) => {
    const decoder = new HpackDecoder()
    const decoded = blocks.map((block) => decoder.decode(Buffer.from(block, 'hex')))
    expect(decoded[0]?.at(-1)).toEqual([':authority', 'www.example.com'])
    expect(decoded[1]?.at(-1)).toEqual(['cache-control', 'no-cache'])
    expect(decoded[2]).toContainEqual([':authority', 'www.example.com'])
    expect(decoded[2]?.at(-1)).toEqual(last)
  })

  it.each(['80', 'ff', '00', '0082ffff', '3fffff01', '40'])('refuses the broken block %s', (block) => {
    expect(() => new HpackDecoder().decode(Buffer.from(block, 'hex'))).toThrow(/invalid|padding|end mark/)
  })
})

describe('against the HTTP/2 of Node', () => {
  it('reads every printable character in Huffman code', async () => {
    const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')
    const seen: string[] = []
    const port = await listen((socket) => {
      serveGrpc(
        socket,
        new Map<string, GrpcHandler>([
          [
            '/a/b',
            async (call) => {
              seen.push(call.metadata.get('x-text')?.[0] ?? '')
            },
          ],
        ]),
      )
    })
    const session = http2.connect(`http://127.0.0.1:${port}`)
    closers.push(() => session.destroy())
    const request = session.request({ ':method': 'POST', ':path': '/a/b', 'x-text': `a${printable}b` })
    request.end()
    const status = await new Promise((resolve) => request.on('trailers', (headers) => resolve(headers['grpc-status'])))
    expect([seen, status]).toEqual([[`a${printable}b`], '0'])
  })

  it('sends and receives more than the windows hold', async () => {
    const server = http2.createServer()
    closers.push(() => server.close())
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.pipe(stream)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    closers.push(() => socket.destroy())
    const client = new GrpcClient(socket)
    const call = client.call('/echo/echo')
    const message = Buffer.alloc(3_000_000, 'x')
    const sending = call.send(message).then(() => call.end())
    const received: number[] = []
    for await (const each of call.messages()) received.push(each.length)
    await sending
    expect(received).toEqual([3_000_000])
  })
})

describe('gRPC over any stream', () => {
  it('takes the details of a refusal, megabytes of them too, and refuses headers without end', async () => {
    const value = Buffer.alloc(1_500_000, 'v')
    const detail = new MessageWriter().putBytes(1, 'example.org/some.Type').putBytes(2, value).finish()
    const status = new MessageWriter().put(1, GRPC.unknown).put(2, 'no').putBytes(3, detail).finish()
    const send = (socket: Socket, details: string): void => {
      const head = encodeHeaders([
        [':status', '200'],
        ['grpc-status', '2'],
        ['grpc-message', 'no'],
        ['grpc-status-details-bin', details],
      ])
      const size = 16_384
      for (let at = 0; at < head.length; at += size) {
        const flags = (at === 0 ? FLAG.endStream : 0) | (at + size >= head.length ? FLAG.endHeaders : 0)
        const type = at === 0 ? FRAME.headers : FRAME.continuation
        socket.write(renderFrame(type, flags, 1, head.subarray(at, at + size)))
      }
    }
    const answers = [status.toString('base64').replace(/=+$/, ''), 'AAAA', 'A'.repeat(17 * 1024 * 1024)]
    const port = await listen((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.write(renderSettings([]))
        send(socket, answers.shift() ?? '')
      })
    })
    const ask = (): Promise<unknown> => {
      const socket = connect(port, '127.0.0.1')
      closers.push(() => socket.destroy())
      return new GrpcClient(socket).ask('/s/any', Buffer.from('x'))
    }
    const refusal = await ask().catch((error: unknown) => error)
    expect(refusal).toMatchObject({ status: GRPC.unknown, message: 'no' })
    const [first] = refusal instanceof GrpcError ? refusal.details : []
    expect([first?.type, first?.value.equals(value)]).toEqual(['example.org/some.Type', true])
    await expect(ask()).rejects.toMatchObject({ status: GRPC.unknown, message: 'no', details: [] })
    await expect(ask()).rejects.toThrow('HTTP/2 headers too long')
  })

  it('carries messages both ways and says why a call is refused', async () => {
    const [near, far] = duplexPair()
    closers.push(() => near.destroy())
    serveGrpc(
      far,
      new Map<string, GrpcHandler>([
        [
          '/s/double',
          async (call) => {
            for await (const message of call.messages()) await call.send(Buffer.concat([message, message]))
          },
        ],
        ['/s/missing', () => Promise.reject(new GrpcError(GRPC.notFound, 'no secret "ä/b"'))],
      ]),
    )
    const client = new GrpcClient(near)
    expect((await client.ask('/s/double', Buffer.from('ab'))).toString()).toBe('abab')
    expect((await client.ask('/s/double', Buffer.alloc(2_000_000))).length).toBe(4_000_000)
    await expect(client.ask('/s/missing', Buffer.alloc(0))).rejects.toMatchObject({
      status: GRPC.notFound,
      message: 'no secret "ä/b"',
    })
    await expect(client.ask('/s/nothing', Buffer.alloc(0))).rejects.toMatchObject({ status: GRPC.unimplemented })
  })

  it('goes on after calls that ended without reading what was sent to them', async () => {
    const [near, far] = duplexPair()
    closers.push(() => near.destroy())
    serveGrpc(
      far,
      new Map<string, GrpcHandler>([
        ['/s/deaf', () => Promise.reject(new GrpcError(GRPC.permissionDenied, 'not here'))],
        [
          '/s/echo',
          async (call) => {
            for await (const message of call.messages()) await call.send(message)
          },
        ],
      ]),
    )
    const client = new GrpcClient(near)
    const refused = { status: GRPC.permissionDenied, message: 'not here' }
    for (let count = 0; count < 20; count += 1) {
      await expect(client.ask('/s/deaf', Buffer.alloc(900_000))).rejects.toMatchObject(refused)
    }
    expect((await client.ask('/s/echo', Buffer.alloc(3_000_000))).length).toBe(3_000_000)
  })

  it('wakes who waits for room in a call that is given up', async () => {
    const [near, far] = duplexPair()
    closers.push(() => near.destroy())
    serveGrpc(far, new Map([['/s/hang', () => new Promise<void>(() => {})]]))
    const call = new GrpcClient(near).call('/s/hang')
    const sending = call.send(Buffer.alloc(3_000_000))
    await new Promise<void>((resolve) => setTimeout(resolve, 50))
    call.cancel(new Error('enough'))
    await expect(sending).rejects.toThrow('enough')
  })

  it('tells why a question was refused before all of it was heard, and what came before the line broke', async () => {
    const port = await listen((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        const frames = [renderSettings([])]
        const head = encodeHeaders([
          [':status', '200'],
          ['grpc-status', '7'],
          ['grpc-message', 'too long'],
        ])
        frames.push(renderFrame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, head))
        // As servers of Go do: nothing more of the question is wanted.
        frames.push(renderFrame(FRAME.reset, 0, 1, renderNumber(0)))
        socket.end(Buffer.concat(frames))
      })
    })
    const socket = connect(port, '127.0.0.1')
    closers.push(() => socket.destroy())
    const asked = new GrpcClient(socket).ask('/s/any', Buffer.alloc(500_000))
    await expect(asked).rejects.toMatchObject({ status: GRPC.permissionDenied, message: 'too long' })
  })

  it('fails a call whose stream the peer ends without a word', async () => {
    const port = await listen((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.write(renderSettings([]))
        socket.write(renderFrame(FRAME.data, FLAG.endStream, 1, Buffer.alloc(0)))
      })
    })
    const socket = connect(port, '127.0.0.1')
    closers.push(() => socket.destroy())
    const asked = new GrpcClient(socket).ask('/s/any', Buffer.from('x'))
    await expect(asked).rejects.toThrow('without headers')
  })

  it('fails open calls when the connection ends, and every later one', async () => {
    const [near, far] = duplexPair()
    serveGrpc(far, new Map([['/s/hang', () => new Promise<void>(() => {})]]))
    const client = new GrpcClient(near)
    const hanging = client.ask('/s/hang', Buffer.alloc(0))
    far.destroy()
    await expect(hanging).rejects.toThrow(/closed/)
    await expect(client.ask('/s/hang', Buffer.alloc(0))).rejects.toThrow(/closed/)
  })

  it('writes the frames of one turn at once', async () => {
    let writes = 0
    const count = (done: () => void): void => {
      writes += 1
      done()
    }
    const socket = new Duplex({
      read() {},
      write: (_chunk, _encoding, done) => count(done),
      writev: (_chunks, done) => count(done),
    })
    const client = new GrpcClient(socket)
    const call = client.call('/s/many')
    await Promise.all(Array.from({ length: 100 }, () => call.send(Buffer.alloc(10))))
    await new Promise((resolve) => setImmediate(resolve))
    // The preface and the settings go first; a message is a frame.
    expect(writes).toBeLessThan(10)
    client.close(new Error('over'))
  })

  it('refuses a peer that speaks something else', async () => {
    const [near, far] = duplexPair()
    const server = serveGrpc(far, new Map())
    near.on('error', () => {})
    near.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await server.untilClosed()
    expect(server.isClosed).toBe(true)
  })
})

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer(onSocket)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Two ends of one pipe, of which each ends when the other is destroyed, as those of a socket do and those of Node do not. */
function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = []
  const make = (other: number): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        ends[other]?.push(chunk)
        done()
      },
      final(done) {
        ends[other]?.push(null)
        done()
      },
      destroy(error, done) {
        if (ends[other]?.destroyed === false) ends[other].push(null)
        done(error)
      },
    })
  ends.push(make(1), make(0))
  return [ends[0]!, ends[1]!]
}
