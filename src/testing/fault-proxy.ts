import { setMaxListeners } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../io/clock.ts'

/** What a proxied connection suffers. Faults concern what the upstream sends unless they say otherwise. */
export type ProxyFault =
  | { readonly kind: 'none' }
  /** Each chunk, both ways, arrives this much later; order is kept. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** Accepts; nothing ever passes. */
  | { readonly kind: 'black-hole' }
  /** Closes with RST as soon as a client comes. */
  | { readonly kind: 'refuse' }
  /** Resets the connection after this many bytes of answer. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** Ends the connection in order after this many bytes of answer. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** Hands over `bytes` of answer each `everyMs`. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number }
  /** Answers with these bytes in place of the upstream. */
  | { readonly kind: 'garbage'; readonly bytes: string }

/** A TCP relay in front of a server that misbehaves on request. `stop` must be called. */
export interface FaultProxy {
  readonly host: string
  readonly port: number
  /** Applies to connections made from now on; with `isForAll` the open ones are cut first. */
  setFault(fault: ProxyFault, isForAll?: boolean): void
  /** Lets nothing pass any more on the connections that are open; neither side is told. New ones are not concerned. */
  freezeOpen(): void
  /** Connections accepted so far. */
  readonly accepted: number
  readonly open: number
  stop(): Promise<void>
}

/** Where a fault proxy passes connections on to. */
export type ProxyTarget = { readonly host: string; readonly port: number } | { readonly path: string }

/** Starts a TCP proxy on a free port of 127.0.0.1 that passes half-closes on and can spoil the traffic. */
export async function startFaultProxy(
  target: ProxyTarget,
  o: { readonly fault?: ProxyFault; readonly clock?: Clock } = {},
): Promise<FaultProxy> {
  const clock = o.clock ?? systemClock
  const sockets = new Set<Socket>()
  const stopped = new AbortController()
  // Every connection that waits listens to it: more than the ten at which Node suspects a leak.
  setMaxListeners(0, stopped.signal)
  const frozen = new WeakSet<Socket>()
  let fault: ProxyFault = o.fault ?? { kind: 'none' }
  let accepted = 0

  function track(socket: Socket): Socket {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => sockets.delete(socket))
    return socket
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    accepted += 1
    serve(track(client), {
      fault,
      target,
      clock,
      track,
      signal: stopped.signal,
      isFrozen: (socket) => frozen.has(socket),
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo

  return {
    host: '127.0.0.1',
    port,
    get accepted() {
      return accepted
    },
    get open() {
      return sockets.size
    },
    setFault(next, isForAll = false) {
      fault = next
      if (isForAll) for (const socket of sockets) reset(socket)
    },
    freezeOpen() {
      for (const socket of sockets) frozen.add(socket)
    },
    async stop() {
      stopped.abort()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

const resetGapMs = 10

interface Serving {
  readonly fault: ProxyFault
  readonly target: ProxyTarget
  readonly clock: Clock
  readonly signal: AbortSignal
  track(socket: Socket): Socket
  isFrozen(socket: Socket): boolean
}

function serve(client: Socket, o: Serving): void {
  switch (o.fault.kind) {
    case 'black-hole':
      client.resume()
      return
    case 'refuse':
      reset(client)
      return
    case 'garbage':
      client.resume()
      client.end(o.fault.bytes)
      return
    default: {
      const upstream = o.track(connect({ ...o.target, allowHalfOpen: true }))
      upstream.once('close', (hadError) => {
        if (hadError) client.destroy()
      })
      client.once('close', (hadError) => {
        if (hadError || !client.readableEnded) upstream.destroy()
      })
      const isLate = o.fault.kind === 'latency'
      pass(client, upstream, isLate ? o : { ...o, fault: { kind: 'none' } }).catch(() => upstream.destroy())
      pass(upstream, client, o).catch(() => client.destroy())
    }
  }
}

/** Moves bytes one way and spoils them on the way; passes the end on. */
async function pass(from: Socket, to: Socket, o: Serving): Promise<void> {
  const { fault, clock, signal } = o
  let passed = 0
  // Plain iteration would destroy the socket at its end, and with it the other direction.
  for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (o.isFrozen(from)) continue
    let data = chunk
    if (fault.kind === 'reset' || fault.kind === 'truncate') data = chunk.subarray(0, fault.afterBytes - passed)
    passed += data.length
    if (fault.kind === 'latency') await clock.sleep(fault.ms, signal)
    if (fault.kind === 'drip') await drip(to, data, { ...o, fault })
    else await write(to, data)
    if ((fault.kind === 'reset' || fault.kind === 'truncate') && passed >= fault.afterBytes) {
      if (fault.kind === 'reset') {
        // A reader that finds data and RST together takes them for data and an orderly end (libuv).
        await clock.sleep(resetGapMs, signal)
        reset(to)
      } else to.end()
      from.destroy()
      return
    }
  }
  if (!o.isFrozen(from)) to.end()
}

/** Closes with RST and nothing before it; `resetAndDestroy` would send an orderly end first. */
function reset(socket: Socket): void {
  Reflect.set(socket, 'resetAndClosing', true)
  socket.destroy()
}

async function drip(
  to: Socket,
  data: Buffer,
  o: Serving & { readonly fault: Extract<ProxyFault, { readonly kind: 'drip' }> },
): Promise<void> {
  for (let at = 0; at < data.length && !to.destroyed; at += o.fault.bytes) {
    await write(to, data.subarray(at, at + o.fault.bytes))
    await o.clock.sleep(o.fault.everyMs, o.signal)
  }
}

function write(to: Socket, data: Buffer): Promise<void> {
  if (to.destroyed || data.length === 0 || to.write(data)) return Promise.resolve()
  return new Promise((resolve) => {
    function done(): void {
      to.off('drain', done)
      to.off('close', done)
      resolve()
    }
    to.on('drain', done)
    to.on('close', done)
  })
}
