import { createServer, connect } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../core/clock.ts'
import { silentLog } from '../../core/log.ts'
import { openSocket } from '../../engine/transport/socket.ts'
import { systemClock } from '../../io/clock.ts'
import type { Exchange } from './http1/exchange.ts'
import { EnginePool } from './http1/pool.ts'
import { Forward } from './proxy.ts'
import type { ForwardOptions, ForwardTarget } from './forward-options.ts'
import { EndpointServer } from './server.ts'
import type { ServerLimits } from '../limits.ts'

const cleanups: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** An engine that hands every connection to `script`. */
async function startEngine(script: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    script(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

interface Bed {
  readonly port: number
  readonly broken: unknown[]
  readonly pool: EnginePool
  readonly server: EndpointServer
  /** What was logged as an error. */
  readonly logged: readonly object[]
}

/** An endpoint that forwards everything to one engine. */
async function startEndpoint(
  enginePort: number,
  more: Partial<ForwardOptions> = {},
  own?: (exchange: Exchange) => boolean,
  clock: Clock = systemClock,
  state: { readonly isHealthy?: boolean | undefined } = {},
): Promise<Bed> {
  const broken: unknown[] = []
  const pool = new EnginePool({
    name: () => 'node-1',
    dial: (signal) => openSocket({ host: '127.0.0.1', port: enginePort }, signal),
    onUnreachable: (error) => broken.push(error),
  })
  const target: ForwardTarget = {
    name: 'node-1',
    pool,
    get isHealthy() {
      return state.isHealthy
    },
    onAnswer() {},
    onBroken: (error: unknown) => void broken.push(error),
  }
  const logged: object[] = []
  const server = new EndpointServer({
    clock,
    log: { ...silentLog, error: (message, fields) => void logged.push({ message, ...fields }) },
    onTick: () => pool.sweep(),
    handle(exchange) {
      if (own?.(exchange) === true) return
      new Forward(exchange, server, { target, path: exchange.head.target, ...more }).run()
    },
  })
  const address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
  cleanups.push(() => {
    server.closeNow()
    pool.close()
  })
  return { port: address.kind === 'tcp' ? address.port : 0, broken, pool, server, logged }
}

class Client {
  readonly socket: Socket
  text = ''
  hasEnded = false
  isClosed = false

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1')
    })
    this.socket.on('end', () => {
      this.hasEnded = true
    })
    this.socket.on('close', () => {
      this.isClosed = true
    })
    this.socket.on('error', () => undefined)
    cleanups.push(() => {
      this.socket.destroy()
    })
  }

  send(text: string | Buffer): this {
    this.socket.write(text)
    return this
  }

  /** Waits until what came back ends so. */
  async until(tail: string): Promise<string> {
    await eventually(
      () => this.text.endsWith(tail),
      () => `got ${JSON.stringify(this.text.slice(-300))}`,
    )
    return this.text
  }
}

async function eventually(check: () => boolean, explain: () => string = () => 'never happened'): Promise<void> {
  const end = Date.now() + 50_000
  while (!check()) {
    if (Date.now() > end) throw new Error(explain())
    await systemClock.sleep(2)
  }
}

function ok(body: string): string {
  return `HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Collects what the engine was sent and answers each complete head with `reply`. */
function recorder(reply: string): { readonly heard: string[]; readonly script: (socket: Socket) => void } {
  const heard: string[] = []
  return {
    heard,
    script(socket) {
      const at = heard.push('') - 1
      socket.on('data', (chunk) => {
        heard[at] += chunk.toString('latin1')
        if (heard[at]?.endsWith('\r\n\r\n') === true) socket.write(reply)
      })
    },
  }
}

describe('forwarding', () => {
  it('writes the request head anew and passes the reply on byte for byte', async () => {
    const { heard, script } = recorder(ok('hello'))
    const { port } = await startEndpoint(await startEngine(script))
    const client = new Client(port).send(
      'GET /v1.41/a?x=1 HTTP/1.1\r\nHOST: me\r\nX-Meta-A:  b \r\nKeep-Alive: 5\r\n\r\n',
    )
    expect(await client.until('hello')).toBe(ok('hello'))
    expect(heard).toEqual(['GET /v1.41/a?x=1 HTTP/1.1\r\nhost: me\r\nx-meta-a: b\r\n\r\n'])
  })

  it('requests that are answered late by nature keep no others from being asked', async () => {
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => {
        if (chunk.toString().startsWith('GET')) socket.write(ok('here'))
      })
    })
    const bed = await startEndpoint(engine, {}, (exchange) => {
      if (exchange.head.method === 'GET') return false
      const target = { name: 'node-1', pool: bed.pool, onAnswer() {}, onBroken() {} }
      new Forward(exchange, bed.server, { target, path: exchange.head.target, isPatient: true }).run()
      return true
    })
    for (let count = 0; count < 100; count += 1) {
      new Client(bed.port).send('POST /stop HTTP/1.1\r\nhost: d\r\nContent-Length: 0\r\n\r\n')
    }
    await eventually(() => bed.pool.inFlight === 100)
    await new Client(bed.port).send('GET /a HTTP/1.1\r\nhost: d\r\n\r\n').until('here')
    expect([bed.pool.inFlight, bed.pool.queued]).toEqual([100, 0])
  })

  it('requests whose clients have gone take no place from others that wait', () => {
    const refused: string[] = []
    const pool = new EnginePool({ name: () => 'n1', dial: () => new Promise(() => undefined), onUnreachable() {} })
    const submit = (isCancelled: boolean): void =>
      pool.submit({ isCancelled, start() {}, refused: (error) => void refused.push(error.message) })
    for (let count = 0; count < 64 + 1024; count += 1) submit(count >= 64)
    expect(pool.queued).toBe(1024)
    submit(false)
    expect([pool.queued, refused]).toEqual([1, []])
    for (let count = 0; count < 1024; count += 1) submit(false)
    expect([pool.queued, refused]).toEqual([1024, ['too many requests are waiting for node n1']])
    pool.close()
  })

  it('keeps engine connections and uses them again', async () => {
    const { heard, script } = recorder(ok('x'))
    const { port } = await startEndpoint(await startEngine(script))
    for (let round = 0; round < 3; round += 1) {
      await new Client(port).send('GET /a HTTP/1.1\r\nhost: d\r\n\r\n').until('\r\n\r\nx')
    }
    expect(heard).toHaveLength(1)
  })

  it('answers pipelined requests one after the other, in order', async () => {
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => {
        const name = /GET \/(\w+)/.exec(chunk.toString())?.[1] ?? ''
        const delayMs = name === 'slow' ? 40 : 0
        void systemClock.sleep(delayMs).then(() => socket.write(ok(name)))
      })
    })
    const { port } = await startEndpoint(engine)
    const client = new Client(port).send(
      ['slow', 'a', 'b', 'c'].map((name) => `GET /${name} HTTP/1.1\r\nhost: d\r\n\r\n`).join(''),
    )
    await client.until('\r\n\r\nc')
    expect(client.text.match(/\r\n\r\n(slow|a|b|c)/g)).toEqual(['slow', 'a', 'b', 'c'].map((name) => `\r\n\r\n${name}`))
  })

  it('finds the request in bytes that trickle in one by one', async () => {
    const { port } = await startEndpoint(await startEngine(recorder(ok('z')).script))
    const client = new Client(port)
    client.socket.setNoDelay(true)
    for (const letter of 'GET /a HTTP/1.1\r\nhost: d\r\n\r\n') {
      client.send(letter)
      await systemClock.sleep(0)
    }
    await client.until('\r\n\r\nz')
  })

  it.each(['length', 'chunked'])(
    'streams a request body with %s framing and never holds much of it',
    async (framing) => {
      let received = 0
      const engine = await startEngine((socket) => {
        socket.on('data', (chunk) => {
          received += chunk.length
          if (chunk.includes('END')) socket.write(ok('done'))
        })
      })
      const { port } = await startEndpoint(engine)
      const client = new Client(port)
      const piece = Buffer.alloc(64 * 1024, 'x')
      const total = 64 * piece.length + 3
      client.send(
        framing === 'length'
          ? `PUT /a HTTP/1.1\r\nhost: d\r\nContent-Length: ${total}\r\n\r\n`
          : 'PUT /a HTTP/1.1\r\nhost: d\r\nTransfer-Encoding: chunked\r\n\r\n',
      )
      for (let count = 0; count < 64; count += 1) {
        if (framing === 'chunked') client.send('10000;ext=1\r\n')
        client.send(piece)
        if (framing === 'chunked') client.send('\r\n')
      }
      client.send(framing === 'chunked' ? '3\r\nEND\r\n0\r\n\r\n' : 'END')
      await client.until('done')
      expect(received).toBeGreaterThanOrEqual(total)
    },
  )

  it('lets a slow engine slow the client: less than a megabyte waits here', async () => {
    let slow: Socket | undefined
    const engine = await startEngine((socket) => {
      slow = socket
      socket.pause()
    })
    const { port } = await startEndpoint(engine)
    const client = new Client(port).send('PUT /a HTTP/1.1\r\nhost: d\r\nContent-Length: 268435456\r\n\r\n')
    const before = process.memoryUsage().arrayBuffers
    const piece = Buffer.alloc(1024 * 1024)
    // Until nothing moves any more: kernels take several megabytes, some of them late.
    for (let sent = 0, left = 0; sent < 200; sent += 1) {
      client.socket.write(piece)
      await systemClock.sleep(1)
      if (client.socket.writableLength < 4 * piece.length) continue
      left = client.socket.writableLength
      await systemClock.sleep(200)
      if (client.socket.writableLength === left) break
    }
    expect(client.socket.writableLength).toBeGreaterThan(0)
    // What lies in kernel buffers and in the client's own queue is not ours.
    expect(process.memoryUsage().arrayBuffers - before - client.socket.writableLength).toBeLessThan(4 * 1024 * 1024)
    slow?.destroy()
  })

  it('lets a slow client slow the engine, and loses nothing', async () => {
    const size = 32 * 1024 * 1024
    let pending = 0
    const engine = await startEngine((socket) => {
      socket.on('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
        socket.write(Buffer.alloc(size, 'y'))
        pending = socket.writableLength
      })
    })
    const { port } = await startEndpoint(engine)
    const client = connect({ port, host: '127.0.0.1' })
    cleanups.push(() => void client.destroy())
    client.pause()
    client.write('GET /a HTTP/1.1\r\nhost: d\r\n\r\n')
    await eventually(() => pending > 0)
    await systemClock.sleep(100)
    let received = 0
    client.on('data', (chunk) => {
      received += chunk.length
    })
    client.resume()
    await eventually(
      () => received > size,
      () => `${received} of ${size}`,
    )
  })

  it('a late reader of one body takes nothing of the next', async () => {
    const exchanges: Exchange[] = []
    const { port } = await startEndpoint(await startEngine(() => undefined), {}, (exchange) => {
      exchanges.push(exchange)
      return true
    })
    const client = new Client(port).send('POST /a HTTP/1.1\r\nhost: d\r\nContent-Length: 5\r\n\r\nfirst')
    await eventually(() => exchanges.length === 1)
    const [first] = exchanges
    expect(String(await first?.readBody())).toBe('first')
    first?.reply(200, [], 'done')
    await client.until('done')
    client.send('POST /b HTTP/1.1\r\nhost: d\r\nContent-Length: 6\r\n\r\nsecond')
    await eventually(() => exchanges.length === 2)
    await systemClock.sleep(20)
    first?.connection.resumeBody()
    expect(String(await exchanges[1]?.readBody())).toBe('second')
    exchanges[1]?.reply(200, [], 'over')
    await client.until('over')
  })

  it('a body that is answered with its last byte does not hold up the request that came with it', async () => {
    const own = (exchange: Exchange): boolean => {
      exchange.consume({ data: () => true, end: () => exchange.reply(200, [], `to ${exchange.head.target}`) })
      return true
    }
    const { port } = await startEndpoint(0, {}, own)
    const client = new Client(port).send('POST /first HTTP/1.1\r\nhost: d\r\nContent-Length: 2\r\n\r\na')
    await systemClock.sleep(20)
    client.send('bGET /second HTTP/1.1\r\nhost: d\r\n\r\n')
    await client.until('to /second')
  })

  it('tells a client that waits for it to go on with its body, and the engine nothing of it', async () => {
    const heard: string[] = []
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => {
        heard.push(chunk.toString())
        if (heard.join('').endsWith('body')) socket.write(ok('fine'))
      })
    })
    const { port } = await startEndpoint(engine)
    const client = new Client(port).send(
      'POST /a HTTP/1.1\r\nhost: d\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n',
    )
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('body')
    await client.until('fine')
    expect(heard.join('').toLowerCase()).not.toContain('expect')
  })

  it('knows replies without body', async () => {
    const replies: Record<string, string> = {
      'HEAD /h': 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n',
      'GET /204': 'HTTP/1.1 204 No Content\r\n\r\n',
      'GET /304': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
      'GET /last': ok('last'),
    }
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => socket.write(replies[/^\w+ \/\w+/.exec(chunk.toString())?.[0] ?? ''] ?? ''))
    })
    const { port } = await startEndpoint(engine)
    const requests = Object.keys(replies).map((request) => `${request} HTTP/1.1\r\nhost: d\r\n\r\n`)
    const text = await new Client(port).send(requests.join('')).until('last')
    expect(text).toBe(Object.values(replies).join(''))
  })

  it('skips an interim reply of the engine', async () => {
    const { script } = recorder(`HTTP/1.1 102 Processing\r\n\r\n${ok('end')}`)
    const { port } = await startEndpoint(await startEngine(script))
    expect(await new Client(port).send('GET /a HTTP/1.1\r\nhost: d\r\n\r\n').until('end')).toBe(ok('end'))
  })

  it('takes chunking off for an HTTP/1.0 client and closes', async () => {
    const { script } = recorder('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
    const { port } = await startEndpoint(await startEngine(script))
    const client = new Client(port).send('GET /a HTTP/1.0\r\n\r\n')
    await eventually(() => client.hasEnded)
    expect(client.text).toBe('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc')
  })

  it('a slow HTTP/1.0 client slows the engine as any other does', async () => {
    const size = 64 * 1024 * 1024
    const engine = await startEngine((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n`)
        socket.write(Buffer.alloc(size, 'y'))
        socket.write('\r\n0\r\n\r\n')
      })
    })
    let exchange: Exchange | undefined
    const { port } = await startEndpoint(engine, {}, (each) => {
      exchange = each
      return false
    })
    const client = connect({ port, host: '127.0.0.1' })
    cleanups.push(() => void client.destroy())
    client.pause()
    client.write('GET /a HTTP/1.0\r\n\r\n')
    await eventually(() => exchange?.hasReplied === true)
    await systemClock.sleep(300)
    expect(exchange?.waitingBytes).toBeLessThan(1024 * 1024)
    let received = 0
    client.on('data', (chunk) => {
      received += chunk.length
    })
    client.resume()
    await eventually(
      () => received > size,
      () => `${received} bytes`,
    )
  })

  it('removes hop-by-hop headers from a reply and closes after one without length', async () => {
    const engine = await startEngine((socket) => {
      socket.on('data', () =>
        socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nKeep-Alive: 5\r\nX-A: b\r\n\r\nto the end'),
      )
    })
    const { port } = await startEndpoint(engine)
    const client = new Client(port).send('GET /a HTTP/1.1\r\nhost: d\r\n\r\n')
    await eventually(() => client.hasEnded)
    expect(client.text).toBe('HTTP/1.1 200 OK\r\nx-a: b\r\nconnection: close\r\n\r\nto the end')
  })

  it('cancels the call to the engine when the client goes away', async () => {
    let isCut = false
    let hasBegun = false
    const engine = await startEngine((socket) => {
      socket.on('end', () => {
        isCut = true
      })
      socket.on('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        hasBegun = true
      })
    })
    const { port } = await startEndpoint(engine)
    const client = new Client(port).send('GET /events HTTP/1.1\r\nhost: d\r\n\r\n')
    await eventually(() => hasBegun && client.text !== '')
    client.socket.resetAndDestroy()
    await eventually(() => isCut)
  })

  it('a client that half-closes still gets its reply', async () => {
    const engine = await startEngine((socket) => {
      socket.on('data', () => void systemClock.sleep(50).then(() => socket.write(ok('late'))))
    })
    const { port } = await startEndpoint(engine)
    const client = new Client(port)
    client.socket.end('GET /a HTTP/1.1\r\nhost: d\r\n\r\n')
    await client.until('late')
    await eventually(() => client.hasEnded)
  })
})

describe('broken engines', () => {
  const get = 'GET /a HTTP/1.1\r\nhost: d\r\n\r\n'

  it('an engine that refuses connections is named in the error', async () => {
    const { port, broken } = await startEndpoint(1)
    const text = await new Client(port).send(get).until('}\n')
    expect(text).toMatch(/^HTTP\/1\.1 502 .*cannot reach node node-1: .*ECONNREFUSED/s)
    expect(broken).toHaveLength(1)
  })

  it('an engine that talks garbage is named, with how its answer starts', async () => {
    const engine = await startEngine((socket) => void socket.on('data', () => socket.write('SSH-2.0-OpenSSH\r\n\r\n')))
    const { port } = await startEndpoint(engine)
    const text = await new Client(port).send(get).until('}\n')
    expect(text).toMatch(/^HTTP\/1\.1 502 .*node node-1: .*SSH-2\.0-OpenSSH/s)
  })

  it('an engine with two lengths in its reply is not believed', async () => {
    const { script } = recorder('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab')
    const { port } = await startEndpoint(await startEngine(script))
    expect(await new Client(port).send(get).until('}\n')).toMatch(/502 .*more than one Content-Length/s)
  })

  it('an engine that hangs up before answering gives 502, in mid-reply a cut connection', async () => {
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => {
        if (chunk.includes('/cut')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
        socket.end()
      })
    })
    const { port } = await startEndpoint(engine)
    expect(await new Client(port).send(get).until('}\n')).toContain('connection closed before a reply')
    const client = new Client(port).send('GET /cut HTTP/1.1\r\nhost: d\r\n\r\n')
    await eventually(() => client.isClosed || client.hasEnded)
    expect(client.text).toMatch(/half$/)
  })

  it('a kept connection that died is replaced without the client noticing', async () => {
    let count = 0
    const engine = await startEngine((socket) => {
      socket.on('data', () => {
        count += 1
        // The second request on a connection finds it closed.
        if (count === 2) socket.resetAndDestroy()
        else socket.write(ok(`n${count}`))
      })
    })
    const { port, broken } = await startEndpoint(engine)
    await new Client(port).send(get).until('n1')
    await new Client(port).send(get).until('n3')
    expect(broken).toEqual([])
  })

  it('a read whose body has been sent is not sent again without it', async () => {
    let count = 0
    const engine = await startEngine((socket) => {
      socket.on('data', () => {
        count += 1
        if (count === 2) socket.resetAndDestroy()
        else socket.write(ok(`n${count}`))
      })
    })
    const { port } = await startEndpoint(engine)
    await new Client(port).send(get).until('n1')
    const client = new Client(port).send('GET /a HTTP/1.1\r\nhost: d\r\nContent-Length: 4\r\n\r\nbody')
    await client.until('}\n')
    expect(client.text).toContain('HTTP/1.1 502 ')
    expect(count).toBe(2)
  })

  it('a request whose client has gone before it was passed on is not sent at all', async () => {
    const { heard, script } = recorder(ok('a'))
    let left: Exchange | undefined
    const bed = await startEndpoint(await startEngine(script), {}, (exchange) => {
      left = exchange
      return true
    })
    const client = new Client(bed.port).send(get)
    await eventually(() => left !== undefined)
    client.socket.destroy()
    await eventually(() => left?.isGone === true)
    let isDone = false
    const target = { name: 'node-1', pool: bed.pool, onAnswer() {}, onBroken() {} }
    if (left !== undefined) {
      new Forward(left, bed.server, { target, path: '/a', headSeconds: 9, onDone: () => (isDone = true) }).run()
    }
    await systemClock.sleep(50)
    expect([isDone, bed.pool.inFlight, heard]).toEqual([true, 0, []])
  })

  it('a reply that cannot be changed as it should is an error, not silence', async () => {
    const { script } = recorder(ok('a'))
    const more: Partial<ForwardOptions> = {
      transform() {
        throw new Error('no such field')
      },
    }
    const { port } = await startEndpoint(await startEngine(script), more)
    const text = await new Client(port).send(get).until('}\n')
    expect(text).toMatch(/^HTTP\/1\.1 502 .*the reply of node node-1 cannot be read: no such field/s)
  })

  it('nor is one of which another part of the endpoint cannot make what it should', async () => {
    const { script } = recorder(ok('a'))
    const own = (exchange: Exchange): boolean => {
      exchange.changeReply(() => {
        throw new Error('no such field')
      })
      return false
    }
    const { port } = await startEndpoint(await startEngine(script), {}, own)
    const text = await new Client(port).send(get).until('}\n')
    expect(text).toMatch(/^HTTP\/1\.1 502 .*the reply of node node-1 cannot be read: no such field/s)
  })

  it('a mistake in one tick does not stop the clock of the server', async () => {
    let ticks = 0
    const logged: string[] = []
    const server = new EndpointServer({
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 200, signal) },
      log: { ...silentLog, error: (message) => void logged.push(message) },
      handle: () => undefined,
      onTick() {
        ticks += 1
        if (ticks === 1) throw new Error('a mistake')
      },
    })
    cleanups.push(() => server.closeNow())
    await eventually(() => ticks > 2)
    expect(logged).toEqual(['unexpected error'])
  })

  it('an engine that leaves the cluster ends what its clients wait for', async () => {
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => {
        if (chunk.toString().startsWith('GET /begun'))
          socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
      })
    })
    const { port, pool } = await startEndpoint(engine)
    const waiting = new Client(port).send('POST /wait HTTP/1.1\r\nhost: d\r\nContent-Length: 0\r\n\r\n')
    const begun = new Client(port).send('GET /begun HTTP/1.1\r\nhost: d\r\n\r\n')
    await begun.until('abc\r\n')
    await eventually(() => pool.inFlight === 1)
    pool.close()
    await waiting.until('}\n')
    expect(waiting.text).toMatch(/^HTTP\/1\.1 502 .*node node-1/s)
    await eventually(() => begun.isClosed || begun.hasEnded)
    expect(begun.text).not.toMatch(/0\r\n\r\n$/)
  })

  it('an engine that never answers costs the time limit, then 504', async () => {
    const engine = await startEngine(() => undefined)
    const { port, broken } = await startEndpoint(engine, { headSeconds: 1 })
    const text = await new Client(port).send(get).until('}\n')
    expect(text).toMatch(/^HTTP\/1\.1 504 .*node node-1 did not answer within 1 s/s)
    expect(broken).toHaveLength(1)
  })

  it('a long limit ends thirty seconds after the engine has stopped answering probes', async () => {
    const engine = await startEngine(() => undefined)
    const state = { isHealthy: false }
    const ticks: (() => void)[] = []
    const clock: Clock = { ...systemClock, sleep: () => new Promise((resolve) => ticks.push(resolve)) }
    const bed = await startEndpoint(engine, { headSeconds: 1000 }, undefined, clock, state)
    const client = new Client(bed.port).send(get)
    await eventually(() => bed.pool.inFlight === 1)
    const pass = async (seconds: number): Promise<void> => {
      for (let at = 0; at < seconds; at += 1) {
        await eventually(() => ticks.length > 0)
        ticks.shift()?.()
      }
    }
    await pass(29)
    state.isHealthy = true
    await pass(1)
    state.isHealthy = false
    await pass(29)
    await eventually(() => ticks.length > 0)
    expect(client.text).toBe('')
    await pass(1)
    expect(await client.until('}\n')).toMatch(/^HTTP\/1\.1 504 .*node node-1 stopped answering/s)
  })

  it('an address and a header of sixty kilobytes each pass, as engines take them', async () => {
    const { heard, script } = recorder(ok('a'))
    const { port } = await startEndpoint(await startEngine(script))
    const head = `GET /a?${'q'.repeat(60_000)} HTTP/1.1\r\nHost: d\r\nX-Registry-Config: ${'c'.repeat(60_000)}\r\n\r\n`
    await new Client(port).send(head).until('\r\n\r\na')
    expect(heard.join('')).toContain('c'.repeat(60_000))
    expect(heard.join('')).toContain('q'.repeat(60_000))
  })

  it('bytes behind a reply are dropped together with the connection', async () => {
    const engine = await startEngine(
      (socket) => void socket.on('data', () => socket.write(`${ok('a')}HTTP/1.1 200 OK\r\n\r\n`)),
    )
    const { port, pool } = await startEndpoint(engine)
    expect(await new Client(port).send(get).until('\r\n\r\na')).toBe(ok('a'))
    expect(pool.idleCount).toBe(0)
  })
})

describe('bad requests', () => {
  it.each([
    ['POST /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['POST /a HTTP/1.1\r\nContent-Length: x\r\n\r\n', 400],
    ['NONSENSE\r\n\r\n', 400],
    [`GET /${'a'.repeat(132_000)}`, 431],
    [`GET / HTTP/1.1\r\n${`X: ${'a'.repeat(16_000)}\r\n`.repeat(8)}Y: ${'b'.repeat(9_000)}`, 431],
  ])('%.40j is answered with an error and the end of the connection', async (text, status) => {
    const { heard, script } = recorder(ok(''))
    const { port } = await startEndpoint(await startEngine(script))
    const client = new Client(port).send(text)
    await eventually(() => client.hasEnded)
    expect(client.text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(client.text).toMatch(/\{"message":"[^"]+"\}\n$/)
    expect(heard).toEqual([])
  })

  it('a broken chunk ends the connection and never reaches the engine as a complete request', async () => {
    let heard = ''
    const engine = await startEngine((socket) => void socket.on('data', (chunk) => (heard += chunk.toString())))
    const { port } = await startEndpoint(engine)
    const client = new Client(port).send(
      'POST /a HTTP/1.1\r\nhost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nZZ\r\n',
    )
    await eventually(() => client.isClosed || client.hasEnded)
    expect(heard).not.toMatch(/\r\n0\r\n\r\n$/)
  })

  it('of a chunked body the engine gets the data alone: no extensions, no trailers, framing of ours', async () => {
    let heard = ''
    const engine = await startEngine((socket) =>
      socket.on('data', (chunk) => {
        heard += chunk.toString('latin1')
        if (heard.endsWith('0\r\n\r\n')) socket.write(ok('taken'))
      }),
    )
    const { port } = await startEndpoint(engine)
    const client = new Client(port).send(
      'POST /a HTTP/1.1\r\nhost: d\r\nTE: trailers\r\nTrailer: Content-Length\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n' +
        'Transfer-Encoding:\tchunked \r\n\r\n3;a=b\r\nabc\r\n0\r\nContent-Length: 9\r\nX-Smuggled: 1\r\n\r\n',
    )
    await client.until('taken')
    expect(heard).toBe('POST /a HTTP/1.1\r\nhost: d\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
    client.send('GET /b HTTP/1.1\r\nhost: d\r\n\r\n')
    await eventually(() => heard.includes('GET /b'))
    expect(heard).not.toContain('muggled')
  })

  it('a handler that fails when it has answered takes nothing from the answer, nor from the next request', async () => {
    const whole = 'x'.repeat(8 * 1024 * 1024)
    const own = (exchange: Exchange): boolean => {
      exchange.reply(200, [], whole)
      throw new Error('a mistake')
    }
    const { port, logged } = await startEndpoint(0, {}, own)
    const request = 'GET /a HTTP/1.1\r\nhost: d\r\n\r\n'
    const client = new Client(port).send(request)
    await eventually(() => client.text.length > whole.length)
    client.send(request)
    await eventually(() => client.text.length > 2 * whole.length)
    expect([client.text.split('HTTP/1.1 200 OK').length, logged.length, client.hasEnded]).toEqual([3, 2, false])
  })

  it('a handler that fails costs one request, not the process', async () => {
    const { port, logged } = await startEndpoint(1, {}, (exchange) => {
      if (exchange.head.target.startsWith('/throw')) throw new Error('boom')
      exchange.reply(200, [], 'alive')
      return true
    })
    const client = new Client(port).send(
      'GET /throw?buildargs=%7B%22TOKEN%22%3A%22hunter2%22%7D HTTP/1.1\r\nhost: d\r\n\r\n',
    )
    const answer = await client.until('}\n')
    expect(answer).toMatch(/^HTTP\/1\.1 500 .*boom/s)
    const id = /^x-request-id: ([0-9a-f]{16})\r$/im.exec(answer)?.[1]
    expect(logged).toEqual([{ message: 'request failed', id, method: 'GET', request: '/throw', error: 'boom' }])
    await client.send('GET /b HTTP/1.1\r\nhost: d\r\n\r\n').until('alive')
  })
})

describe('hijacked connections', () => {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n'
  const switched =
    'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'

  it('replays what came with both heads and passes half-closes on in each direction', async () => {
    let heard = ''
    const engine = await startEngine((socket) => {
      let isRaw = false
      socket.on('data', (chunk) => {
        heard += chunk.toString()
        if (isRaw || !heard.includes('{"Detach":false}')) return
        isRaw = true
        socket.write(`${switched}first`)
      })
      // The output goes on after the input has ended.
      socket.on('end', () => socket.end(' after-eof'))
    })
    const { port, server } = await startEndpoint(engine, { isHijack: true })
    const body = '{"Detach":false}'
    const client = new Client(port).send(
      `POST /exec/a/start HTTP/1.1\r\nhost: d\r\n${upgrade}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}early`,
    )
    await client.until('first')
    client.socket.end(' input')
    await client.until(' after-eof')
    await eventually(() => client.hasEnded)
    expect(client.text).toBe(`${switched}first after-eof`)
    expect(heard.split('\r\n\r\n')[0]).toContain('connection: Upgrade\r\nupgrade: tcp')
    expect(heard.endsWith(`${body}early input`)).toBe(true)
    await eventually(() => server.hijackedCount === 0)
  })

  it('what was sent and ended before the engine answers arrives whole, and so does the answer', async () => {
    let heard = ''
    let hasEnded = false
    let answer = (): void => undefined
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => {
        heard += chunk.toString()
        answer = () => void socket.write(`${switched}first`)
      })
      socket.on('end', () => {
        hasEnded = true
        socket.end(' last')
      })
    })
    const { port } = await startEndpoint(engine, { isHijack: true })
    const early = 'early '.repeat(100_000)
    const client = new Client(port).send(`POST /containers/a/attach HTTP/1.1\r\nhost: d\r\n${upgrade}\r\n`)
    client.socket.end(early)
    await eventually(() => heard.endsWith('\r\n\r\n'))
    // What lies in the kernel until then is enough: the engine must not hear of it before it has switched.
    await systemClock.sleep(20)
    expect(heard).not.toContain('early')
    answer()
    await client.until('first last')
    await eventually(() => hasEnded && client.hasEnded)
    expect(heard.endsWith(`\r\n\r\n${early}`)).toBe(true)
  })

  it('a request whose client has ended its side is answered, also where its body is looked at later', async () => {
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => {
        if (chunk.toString().includes('{"Detach":false}')) socket.end(`${switched}output`)
      })
    })
    const bed: Bed = await startEndpoint(engine, {}, (exchange) => {
      const target = { name: 'node-1', pool: bed.pool, onAnswer() {}, onBroken() {} }
      const options = { target, path: exchange.head.target, isHijack: true }
      // As where it has to be found out first whose it is.
      setTimeout(() => new Forward(exchange, bed.server, options).run(), 30)
      return true
    })
    const body = '{"Detach":false}'
    for (const framed of [
      `Content-Length: ${body.length}\r\n\r\n${body}`,
      `Transfer-Encoding: chunked\r\n\r\n10\r\n${body}\r\n0\r\n\r\n`,
    ]) {
      const client = new Client(bed.port)
      client.socket.end(
        `POST /exec/a/start HTTP/1.1\r\nhost: d\r\n${upgrade}Content-Type: application/json\r\n${framed}`,
      )
      await eventually(() => client.hasEnded)
      expect(client.text).toBe(`${switched}output`)
    }
    const client = new Client(bed.port)
    client.socket.end(`POST /exec/a/start HTTP/1.1\r\nhost: d\r\nContent-Length: 100\r\n\r\n${body}`)
    await eventually(() => client.hasEnded)
    expect(client.text).not.toContain('output')
  })

  it('both sides ending at once lose nothing', async () => {
    let heard = ''
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => {
        const isFirst = heard === ''
        heard += chunk.toString()
        if (isFirst) socket.write(`${switched}ready`)
        if (heard.includes('go')) socket.end('engine is done')
      })
    })
    const { port, server } = await startEndpoint(engine, { isHijack: true })
    const client = new Client(port).send(`POST /containers/a/attach HTTP/1.1\r\nhost: d\r\n${upgrade}\r\n`)
    await client.until('ready')
    client.socket.end('go, client is done')
    await client.until('engine is done')
    await eventually(() => server.hijackedCount === 0 && client.hasEnded)
    expect(heard.endsWith('go, client is done')).toBe(true)
  })

  it('an engine that ends first still hears the rest of the input', async () => {
    let heard = ''
    const engine = await startEngine((socket) => {
      socket.on('data', (chunk) => {
        const isFirst = heard === ''
        heard += chunk.toString()
        if (isFirst) socket.end(`${switched}bye`)
      })
    })
    const { port } = await startEndpoint(engine, { isHijack: true })
    const client = new Client(port).send(`POST /containers/a/attach HTTP/1.1\r\nhost: d\r\n${upgrade}\r\n`)
    await client.until('bye')
    await eventually(() => client.hasEnded)
    client.socket.end('more input')
    await eventually(() => heard.endsWith('more input'))
  })

  it('the older way works too: 200 and raw bytes to the end', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n'
    const engine = await startEngine((socket) => {
      socket.once('data', () => {
        socket.write(`${head}out`)
        socket.on('data', (chunk) => socket.end(`echo ${chunk.toString()}`))
      })
    })
    const { port } = await startEndpoint(engine, { isHijack: true })
    const client = new Client(port).send('POST /containers/a/attach HTTP/1.1\r\nhost: d\r\n\r\n')
    await client.until('out')
    client.send('in')
    await client.until('echo in')
    await eventually(() => client.hasEnded)
  })

  it('a refused upgrade is an ordinary reply and the connection stays in use', async () => {
    const refusal = 'HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno'
    const engine = await startEngine((socket) => void socket.on('data', () => socket.write(refusal)))
    const { port } = await startEndpoint(engine, { isHijack: true })
    const client = new Client(port).send(`POST /containers/a/attach HTTP/1.1\r\nhost: d\r\n${upgrade}\r\n`)
    expect(await client.until('no')).toBe(refusal)
    client.send('GET /b HTTP/1.1\r\nhost: d\r\n\r\n')
    await eventually(() => client.text === refusal + refusal)
  })

  it.each([{ isHijack: true }, {}])('an engine that switches protocols unasked is not believed: %j', async (more) => {
    const engine = await startEngine((socket) =>
      socket.on('data', () => socket.write('HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nraw bytes')),
    )
    const { port } = await startEndpoint(engine, more)
    const client = new Client(port).send('POST /a HTTP/1.1\r\nhost: d\r\n\r\n')
    expect(await client.until('}\n')).toMatch(
      /^HTTP\/1\.1 502 .*node node-1 switched protocols without being asked to/s,
    )
    expect(client.text).not.toContain('raw bytes')
  })

  it('an engine that breaks off in the middle of a frame ends the stream there, and nothing hangs', async () => {
    const engine = await startEngine((socket) =>
      socket.on('data', () => socket.end('HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n\x01\0\0\0\0\0\x10\0half')),
    )
    const { port, server } = await startEndpoint(engine, { isHijack: true })
    const client = new Client(port).send('POST /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
    await eventually(() => client.hasEnded)
    expect(client.text.split('\r\n\r\n')[1]).toBe('\x01\0\0\0\0\0\x10\0half')
    client.socket.end()
    await eventually(() => server.hijackedCount === 0)
  })

  it('a reset on either side ends the other', async () => {
    let engineSide: Socket | undefined
    let isEngineClosed = false
    const engine = await startEngine((socket) => {
      engineSide = socket
      isEngineClosed = false
      socket.on('end', () => {
        isEngineClosed = true
      })
      socket.once('data', () => socket.write(switched))
    })
    const { port, server } = await startEndpoint(engine, { isHijack: true })
    const request = `POST /containers/a/attach HTTP/1.1\r\nhost: d\r\n${upgrade}\r\n`
    const first = new Client(port).send(request)
    await first.until('\r\n\r\n')
    first.socket.resetAndDestroy()
    await eventually(() => isEngineClosed)
    const second = new Client(port).send(request)
    await second.until('\r\n\r\n')
    engineSide?.resetAndDestroy()
    await eventually(() => second.isClosed || second.hasEnded)
    await eventually(() => server.hijackedCount === 0)
  })

  it('a hundred megabytes each way arrive unchanged', { timeout: 60_000 }, async () => {
    const size = 100 * 1024 * 1024
    let received = 0
    const engine = await startEngine((socket) => {
      let isRaw = false
      socket.on('data', (chunk) => {
        if (isRaw) {
          received += chunk.length
          return
        }
        isRaw = true
        socket.write(switched)
        const piece = Buffer.alloc(1024 * 1024, 'e')
        let left = size
        const push = (): void => {
          while (left > 0) {
            left -= piece.length
            if (!socket.write(piece)) {
              socket.once('drain', push)
              return
            }
          }
          // The client may have sent all long before it has read all.
          socket.end()
        }
        push()
      })
    })
    const { port } = await startEndpoint(engine, { isHijack: true })
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    cleanups.push(() => void socket.destroy())
    let back = 0
    socket.on('data', (chunk) => {
      back += chunk.length
    })
    socket.write(`POST /containers/a/attach HTTP/1.1\r\nhost: d\r\n${upgrade}\r\n`)
    await eventually(() => back > 0)
    const piece = Buffer.alloc(1024 * 1024, 'c')
    for (let count = 0; count < 100; count += 1) {
      if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve))
    }
    socket.end()
    await eventually(
      () => received === size && back === size + switched.length,
      () => `${received} ${back}`,
    )
  })
})

describe('limits', () => {
  /** A second in a hundredth of one. */
  const hasty = {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => 0,
    sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal),
  }

  async function startHasty(
    limits?: Partial<ServerLimits>,
  ): Promise<{ readonly port: number; readonly server: EndpointServer; readonly asked: readonly string[] }> {
    const asked: string[] = []
    const server = new EndpointServer({
      clock: hasty,
      log: silentLog,
      ...(limits === undefined ? {} : { limits }),
      async handle(exchange) {
        asked.push(exchange.head.target)
        const body = await exchange.readBody()
        exchange.reply(200, [], `got ${body.length}`)
      },
    })
    const address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
    cleanups.push(() => server.closeNow())
    return { port: address.kind === 'tcp' ? address.port : 0, server, asked }
  }

  it('a request head that does not come to its end is answered with 408', async () => {
    const { port } = await startHasty()
    const client = new Client(port).send('GET /a HTTP/1.1\r\nhost:')
    await eventually(() => client.hasEnded)
    expect(client.text).toMatch(/^HTTP\/1\.1 408 .*Connection: close/s)
  })

  it('a request head that comes in drops gets no more time for them', async () => {
    const { port } = await startHasty()
    const client = new Client(port)
    // A byte is sent much more often than the server looks.
    const dripping = setInterval(() => client.socket.write('G'), 2)
    cleanups.push(() => clearInterval(dripping))
    await eventually(() => client.hasEnded)
    expect(client.text).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('a body that stalls is answered with 408', async () => {
    const { port } = await startHasty()
    const client = new Client(port).send('POST /a HTTP/1.1\r\nhost: d\r\nContent-Length: 10\r\n\r\nabc')
    await eventually(() => client.isClosed || client.hasEnded)
    expect(client.text).toMatch(/^HTTP\/1\.1 408 /)
  })

  it.each([
    ['does not come in time', 'Content-Length: 90\r\n\r\na', true, 408],
    ['breaks the protocol', 'Transfer-Encoding: chunked\r\n\r\nZZ\r\n', true, 400],
    ['breaks the protocol and is not asked for', 'Transfer-Encoding: chunked\r\n\r\nZZ\r\n', false, 400],
  ])('a client that goes on sending a body that %s still hears why it is refused', async (_, rest, isRead, status) => {
    let tick = (): void => undefined
    let isAsked = false
    const server = new EndpointServer({
      clock: { ...systemClock, sleep: () => new Promise((resolve) => (tick = resolve)) },
      log: silentLog,
      limits: { bodySeconds: 1 },
      async handle(exchange) {
        isAsked = true
        if (isRead) await exchange.readBody()
        exchange.reply(200, [])
      },
    })
    const address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
    cleanups.push(() => server.closeNow())
    const client = new Client(address.kind === 'tcp' ? address.port : 0)
    client.socket.pause()
    client.send(`POST /a HTTP/1.1\r\nhost: d\r\n${rest}`)
    await eventually(() => isAsked)
    if (status === 408) tick()
    for (let count = 0; count < 3; count += 1) {
      await systemClock.sleep(30)
      client.send('a')
    }
    client.socket.resume()
    await eventually(() => client.isClosed || client.hasEnded)
    expect(client.text).toContain(`HTTP/1.1 ${status} `)
  })

  const dripped = 'POST /a HTTP/1.1\r\nhost: d\r\n'
  it.each([
    ['with a length', `${dripped}Content-Length: 1000000\r\n\r\n`, 'a'],
    ['in chunks', `${dripped}Transfer-Encoding: chunked\r\n\r\n`, '1\r\na\r\n'],
  ])('a body %s that is read as a whole and comes in drops gets no more time for them', async (_, head, drop) => {
    const { port } = await startHasty()
    const client = new Client(port).send(head)
    const dripping = setInterval(() => client.socket.write(drop), 2)
    cleanups.push(() => clearInterval(dripping))
    await eventually(() => client.isClosed || client.hasEnded)
    expect(client.text).toMatch(/^HTTP\/1\.1 408 .*not complete in time/s)
  })

  it('a body that flows on to an engine may take longer', async () => {
    const { heard, script } = recorder('')
    const engine = await startEngine(script)
    const { port, server } = await startEndpoint(engine, {}, undefined, hasty)
    const client = new Client(port).send(`${dripped}Content-Length: 90\r\n\r\n`)
    const sinceTick = server.tick
    for (let sent = 0; sent < 90; sent += 1) {
      const before = server.tick
      await eventually(() => server.tick > before)
      client.send('a')
    }
    expect(server.tick - sinceTick).toBeGreaterThanOrEqual(90)
    await eventually(() => heard.join('').endsWith('a'.repeat(90)))
    expect([client.text, client.isClosed]).toEqual(['', false])
  })

  it.each([
    ['stalls', 'Content-Length: 90\r\n\r\nabc', 408],
    ['is broken', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nZZ\r\n', 400],
  ])('a body that %s on its way to an engine ends the call there', async (_, rest, status) => {
    let isCut = false
    const engine = await startEngine((socket) => {
      socket.on('data', () => undefined)
      socket.on('close', () => (isCut = true))
      socket.on('end', () => socket.destroy())
    })
    let signal: AbortSignal | undefined
    const own = (exchange: Exchange): boolean => {
      signal = exchange.signal
      return false
    }
    const { port, pool } = await startEndpoint(engine, {}, own, hasty)
    const client = new Client(port).send(`${dripped}${rest}`)
    await eventually(() => client.isClosed || client.hasEnded)
    expect(client.text).toContain(`HTTP/1.1 ${status} `)
    await eventually(
      () => isCut && pool.inFlight === 0,
      () => `cut: ${isCut}, in flight: ${pool.inFlight}`,
    )
    expect(signal?.aborted).toBe(true)
  })

  it('an idle connection is closed after a while', async () => {
    const { port } = await startHasty()
    const client = new Client(port).send('GET /a HTTP/1.1\r\nhost: d\r\n\r\n')
    await client.until('got 0')
    await eventually(() => client.hasEnded)
    expect(client.text).not.toContain('408')
  })

  it('a request that comes when an idle connection has just been closed is not carried out', async () => {
    const { port, server, asked } = await startHasty()
    const client = new Client(port).send('GET /a HTTP/1.1\r\nhost: d\r\n\r\n')
    await eventually(() => client.hasEnded)
    client.send('POST /late HTTP/1.1\r\nhost: d\r\nContent-Length: 0\r\n\r\n')
    await eventually(() => server.connectionCount === 0 || asked.length > 1)
    expect(asked).toEqual(['/a'])
  })

  /** A connection that is over with twelve megabytes on it, which go to a client that has not begun to read. */
  async function leaveUnread(unreadMs: number): Promise<{ readonly client: Socket; readonly server: EndpointServer }> {
    const server = new EndpointServer({
      clock: hasty,
      log: silentLog,
      limits: { total: 9, perAddress: 9, hijacked: 9, unreadMs },
      handle(exchange) {
        exchange.startStream(200, [])
        for (let at = 0; at < 120; at += 1) exchange.write(Buffer.alloc(100_000, 'x'))
        exchange.end()
      },
    })
    const address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
    cleanups.push(() => server.closeNow())
    const client = connect({ port: address.kind === 'tcp' ? address.port : 0, host: '127.0.0.1' })
    cleanups.push(() => void client.destroy())
    client.on('error', () => undefined)
    client.pause()
    client.write('GET /a HTTP/1.0\r\nhost: d\r\n\r\n')
    await eventually(() => server.connectionCount === 1)
    return { client, server }
  }

  it('a client that is slow gets the last byte of a connection that is over', async () => {
    const { client } = await leaveUnread(60_000)
    // Ten times as long as a client gets to close its end.
    await systemClock.sleep(200)
    let bytes = 0
    client.on('data', (chunk) => {
      bytes += chunk.length
    })
    client.resume()
    await new Promise((resolve) => client.once('end', resolve))
    expect(bytes).toBeGreaterThan(12_000_000)
  })

  it('a client that takes nothing of a connection that is over is cut off', async () => {
    const { server } = await leaveUnread(100)
    await eventually(() => server.connectionCount === 0)
  })

  it('connections beyond the limit get 503 and when to come again; those there stay', async () => {
    const { port } = await startHasty({ total: 2, perAddress: 2, hijacked: 1 })
    const first = new Client(port)
    const second = new Client(port).send('GET /a HTTP/1.1\r\nhost: d\r\n\r\n')
    await second.until('got 0')
    const third = new Client(port)
    await eventually(() => third.hasEnded)
    expect(third.text).toMatch(/^HTTP\/1\.1 503 .*Retry-After: 1/s)
    await first.send('GET /a HTTP/1.1\r\nhost: d\r\n\r\n').until('got 0')
  })

  it('a body beyond the limit is refused with 413 before it is taken in', async () => {
    const { port } = await startHasty()
    const client = new Client(port).send(`POST /a HTTP/1.1\r\nhost: d\r\nContent-Length: ${5 * 1024 * 1024}\r\n\r\n`)
    expect(await client.until('}\n')).toMatch(/^HTTP\/1\.1 413 /)
  })

  it('a body in chunks that grows beyond the limit is refused with 413, and that the connection closes is said', async () => {
    const { port } = await startHasty({ bodyBytes: 10 })
    const client = new Client(port).send('POST /a HTTP/1.1\r\nhost: d\r\nTransfer-Encoding: chunked\r\n\r\n')
    client.send(`14\r\n${'a'.repeat(20)}\r\n`)
    expect(await client.until('}\n')).toMatch(/^HTTP\/1\.1 413 .*Connection: close/s)
    await eventually(() => client.hasEnded)
  })

  it('closing finishes what is under way and cuts raw streams', async () => {
    let finish: (() => void) | undefined
    const engine = await startEngine((socket) => {
      socket.on('data', () => (finish = () => void socket.write(ok('finished'))))
    })
    const { port, server } = await startEndpoint(engine)
    const idle = new Client(port)
    const busy = new Client(port).send('GET /a HTTP/1.1\r\nhost: d\r\n\r\n')
    await eventually(() => server.connectionCount === 2 && finish !== undefined)
    const closed = server.close()
    finish?.()
    await busy.until('finished')
    await closed
    await eventually(() => idle.hasEnded && busy.hasEnded)
    await eventually(() => server.connectionCount === 0)
  })
})
