import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { Target } from './find-forwards.ts'
import type { Relay, RelayOptions } from './relay.ts'

/** A node that does not answer is passed by after this. */
const connectMs = 5000
/** Connections of one port; the system refuses those beyond it. */
const maxConnections = 4096
const keepAliveMs = 60_000

/** Passes connections on byte by byte, each direction with its own end. @throws what listening fails with */
export async function openTcpRelay(options: RelayOptions): Promise<Relay> {
  const { host, port } = options
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    open.add(client)
    client.once('close', () => open.delete(client))
    passOn(client, options)
  })
  server.maxConnections = maxConnections
  await listen(server, host, port)
  return {
    get openCount() {
      return open.size
    },
    sweep: () => undefined,
    close(isAbrupt) {
      server.close()
      if (isAbrupt) for (const client of open) client.destroy()
    },
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject)
      server.on('error', () => undefined)
      resolve()
    })
  })
}

/** A client that nobody takes is reset: that is what it would get from a port that nobody listens on. */
function passOn(client: Socket, { port, targets }: RelayOptions): void {
  client.setKeepAlive(true, keepAliveMs)
  client.on('error', () => client.destroy())
  const left = [...targets()]
  const next = (): void => {
    const target = left.shift()
    if (client.destroyed) return
    if (target === undefined) client.resetAndDestroy()
    else reach(target, port, client, next)
  }
  next()
}

function reach(target: Target, port: number, client: Socket, onFailure: () => void): void {
  const engine = connect({ host: target.host, port, allowHalfOpen: true, noDelay: true })
  const leave = (): void => {
    engine.destroy()
  }
  const giveUp = (): void => {
    engine.removeAllListeners().on('error', () => undefined)
    engine.destroy()
    client.off('close', leave)
    onFailure()
  }
  client.once('close', leave)
  engine.setTimeout(connectMs)
  engine.once('timeout', giveUp)
  engine.once('error', giveUp)
  engine.once('connect', () => {
    client.off('close', leave)
    engine.removeAllListeners()
    engine.setTimeout(0)
    join(client, engine)
  })
}

/** A side that only ends leaves the other its say; one that breaks off ends both. */
function join(client: Socket, engine: Socket): void {
  engine.setKeepAlive(true, keepAliveMs)
  engine.on('error', () => engine.destroy())
  engine.once('close', () => {
    if (!isDone(engine)) client.resetAndDestroy()
  })
  client.once('close', () => {
    if (!isDone(client)) engine.resetAndDestroy()
  })
  client.pipe(engine)
  engine.pipe(client)
}

/** Both directions came to their end: what is still to be written on the other side is not to be lost. */
function isDone(socket: Socket): boolean {
  return socket.readableEnded && socket.writableFinished
}
