import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import { silentLog } from '../../core/log.ts'
import type { Engine, EngineReply } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { PrimaryLink } from './primary-link.ts'
import { EndpointServer } from './server.ts'

const eventsHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{}\r\n\r\n'
const attachHead = 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Client {
  readonly socket: Socket
  text(): string
  readonly closed: Promise<void>
}

/** A replica that passes everything on to a primary that answers streams and says nothing more. */
class Bed {
  readonly link: PrimaryLink
  isPrimaryFrozen = false
  probes = 0
  readonly #port: number

  private constructor(link: (bed: Bed) => PrimaryLink, port: number) {
    this.link = link(this)
    this.#port = port
  }

  static async start(): Promise<Bed> {
    const open = new Set<Socket>()
    const primary = createServer((socket) => {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.once('data', (head) => socket.write(head.includes('/events') ? eventsHead : attachHead))
    })
    await new Promise<void>((resolve) => primary.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      for (const socket of open) socket.destroy()
      primary.close()
    })
    const { port } = primary.address() as AddressInfo
    const running: { bed?: Bed } = {}
    const server = new EndpointServer({
      clock: systemClock,
      log: silentLog,
      handle: (exchange) => running.bed?.link.forward(exchange, { path: exchange.head.target }),
    })
    cleanups.push(() => server.closeNow())
    const listening = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
    if (listening.kind !== 'tcp') throw new Error('not on TCP')
    running.bed = new Bed((bed) => makeLink(bed, port, server), listening.port)
    cleanups.push(() => running.bed?.link.close())
    return running.bed
  }

  async open(request: string): Promise<Client> {
    const socket = connect(this.#port, '127.0.0.1')
    cleanups.push(() => void socket.destroy())
    let all = ''
    socket.setEncoding('utf8').on('data', (data: string) => (all += data))
    socket.on('error', () => undefined)
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.write(request)
    while (!/\{\}|hello/.test(all)) await systemClock.sleep(5)
    return { socket, text: () => all, closed }
  }

  /** Lets time pass as the server counts it. */
  async tick(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.link.tick()
      await systemClock.sleep(1)
    }
  }
}

function makeLink(bed: Bed, port: number, host: EndpointServer): PrimaryLink {
  const pong = { bytes: () => Promise.resolve(new Uint8Array()) } as unknown as EngineReply
  const engine: Engine = {
    endpoint: { kind: 'tcp', host: '127.0.0.1', port },
    apiVersion: () => Promise.resolve('1.41'),
    hijack: () => Promise.reject(new Error('not asked for')),
    close: () => Promise.resolve(),
    request() {
      bed.probes += 1
      if (!bed.isPrimaryFrozen) return Promise.resolve(pong)
      return Promise.reject(new FlotillaError('engine/timeout', 'no answer'))
    },
  }
  const address = `127.0.0.1:${port}`
  return new PrimaryLink({
    address,
    endpoint: engine.endpoint as never,
    host,
    log: silentLog,
    openEngine: () => engine,
  })
}

const events = 'GET /events HTTP/1.1\r\nHost: d\r\n\r\n'
const attach =
  'POST /containers/c/attach?stream=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n'

describe('streams through a manager that leads no more', () => {
  it('go on as long as it lives, and the way there is done with when they are over', async () => {
    const bed = await Bed.start()
    const clients = [await bed.open(events), await bed.open(attach)]
    bed.link.retire()
    await bed.tick(120)
    expect(clients.map((each) => each.socket.destroyed)).toEqual([false, false])
    expect(bed.link.isDone).toBe(false)
    for (const each of clients) each.socket.resetAndDestroy()
    await expect.poll(() => bed.link.isDone).toBe(true)
    expect(bed.probes).toBe(24)
  })

  it('end when it hangs for good', async () => {
    const bed = await Bed.start()
    const clients = [await bed.open(events), await bed.open(attach)]
    bed.link.retire()
    bed.isPrimaryFrozen = true
    await bed.tick(60)
    await Promise.all(clients.map((each) => each.closed))
    expect(bed.link.isDone).toBe(true)
  })

  it('outlast a short silence', async () => {
    const bed = await Bed.start()
    const client = await bed.open(attach)
    bed.link.retire()
    for (let at = 0; at < 5; at += 1) {
      bed.isPrimaryFrozen = at % 2 === 0
      await bed.tick(10)
    }
    expect(client.socket.destroyed).toBe(false)
  })
})

describe('a primary that did not answer', () => {
  it('is asked each second, and reads go there again as soon as it answers', async () => {
    const bed = await Bed.start()
    await bed.tick(10)
    expect([bed.link.isSuspect, bed.probes]).toEqual([false, 0])
    bed.link.suspect()
    bed.isPrimaryFrozen = true
    await bed.tick(3)
    expect([bed.link.isSuspect, bed.probes]).toEqual([true, 3])
    bed.isPrimaryFrozen = false
    await bed.tick(1)
    expect([bed.link.isSuspect, bed.probes]).toEqual([false, 4])
  })
})
