import { Buffer } from 'node:buffer'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { FleetEngine, renderFleetReply } from './fleet-engine.ts'

export interface FakeFleetOptions {
  readonly engines: number
  /** On each engine at the start. Default 0. */
  readonly containers?: number
  /** Number of the first engine, for fleets of several processes: names and IDs follow from it. Default 0. */
  readonly first?: number
}

/** Many small engines of one process, each on a port of its own. `close` must be called. */
export interface FakeFleet {
  readonly engines: readonly FleetEngine[]
  /** `127.0.0.1:port` of each, in the same order. */
  readonly addresses: readonly string[]
  close(): Promise<void>
}

/**
 * Engines that answer what a manager asks from ready texts, so that the manager is what is measured, and that keep a
 * true state: create, start, remove and the events of these. `startFakeEngine` is the one that acts like a real engine.
 */
export async function startFakeFleet(options: FakeFleetOptions): Promise<FakeFleet> {
  const sockets = new Set<Socket>()
  const engines: FleetEngine[] = []
  const servers: Server[] = []
  for (let index = 0; index < options.engines; index += 1) {
    const engine = new FleetEngine({ index: (options.first ?? 0) + index, containers: options.containers ?? 0 })
    engines.push(engine)
    servers.push(createServer({ noDelay: true, allowHalfOpen: true }, (socket) => serve(engine, socket, sockets)))
  }
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))))
  return {
    engines,
    addresses: servers.map(addressOf),
    async close() {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
      for (const socket of sockets) socket.destroy()
      await Promise.all(closed)
    },
  }
}

function addressOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return `127.0.0.1:${address.port}`
}

const ping = Buffer.from(
  'HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nOstype: linux\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK',
)
const openEvents =
  'HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'

const upgraded =
  'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'

function serve(engine: FleetEngine, socket: Socket, sockets: Set<Socket>): void {
  let pending = ''
  /** The connection has left HTTP: whatever comes goes back. */
  let isRaw = false
  sockets.add(socket)
  socket.on('error', () => undefined)
  socket.on('close', () => {
    sockets.delete(socket)
    engine.listeners.delete(socket)
  })
  socket.on('end', () => socket.end())
  socket.on('data', (chunk) => {
    if (isRaw) {
      if (!socket.write(chunk)) socket.pause()
      return
    }
    pending += chunk.toString('latin1')
    for (;;) {
      const headEnd = pending.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const head = pending.slice(0, headEnd)
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      const end = headEnd + 4 + length
      if (pending.length < end) return
      const body = pending.slice(headEnd + 4, end)
      pending = pending.slice(end)
      const line = head.slice(0, head.indexOf('\r\n'))
      if (line.startsWith('POST ') && line.includes('/attach')) {
        isRaw = true
        socket.on('drain', () => socket.resume())
        socket.write(upgraded, 'latin1')
        return
      }
      answer(engine, socket, line, body)
    }
  })
}

function answer(engine: FleetEngine, socket: Socket, line: string, body: string): void {
  const [method = '', target = ''] = line.split(' ')
  const mark = target.indexOf('?')
  const full = mark < 0 ? target : target.slice(0, mark)
  const path = full.replace(/^\/v[0-9.]+/, '')
  const kind = `${method} ${path.replace(/[0-9a-f]{64}/, 'ID')}`
  engine.requests.set(kind, (engine.requests.get(kind) ?? 0) + 1)
  if (path === '/_ping') {
    socket.write(ping)
  } else if (path === '/events' && /[?&]until=/.test(target)) {
    socket.write(renderFleetReply({ status: 200, body: engine.past.join('') }))
  } else if (path === '/events') {
    engine.listeners.add(socket)
    socket.write(openEvents, 'latin1')
  } else {
    socket.write(renderFleetReply(engine.answer(method, path, mark < 0 ? '' : target.slice(mark + 1), body)))
  }
}
