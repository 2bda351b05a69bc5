import { createSocket } from 'node:dgram'
import type { RemoteInfo, Socket } from 'node:dgram'
import { isIP } from 'node:net'
import type { Relay, RelayOptions } from './relay.ts'

/** Who has been silent for so long is forgotten, as by the engine's own proxy. */
const idleMs = 90_000
/** Peers of one port that are remembered; the one that was silent longest makes room. */
const maxPeers = 1024
/** Packets that wait for the way to an engine. */
const maxWaiting = 64

interface Peer {
  readonly engine: Socket
  lastMs: number
  /** Packets from before the way was open; undefined since. */
  waiting: Buffer[] | undefined
}

/** Passes packets on; the answers of a container go to who has sent last from the same address. @throws what binding fails with */
export async function openUdpRelay(options: RelayOptions): Promise<Relay> {
  const { host, port, nowMs } = options
  const peers = new Map<string, Peer>()
  const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4')
  const forget = (key: string): void => {
    peers.get(key)?.engine.close()
    peers.delete(key)
  }
  socket.on('message', (packet, from) => {
    const key = `${from.address} ${from.port}`
    const peer = peers.get(key) ?? addPeer(key, from)
    if (peer === undefined) return
    peer.lastMs = nowMs()
    // The order of a map is that of insertion: the first is the one that was silent longest.
    peers.delete(key)
    peers.set(key, peer)
    if (peer.waiting === undefined) peer.engine.send(packet, ignore)
    else if (peer.waiting.length < maxWaiting) peer.waiting.push(packet)
  })

  function addPeer(key: string, from: RemoteInfo): Peer | undefined {
    const [target] = options.targets()
    if (target === undefined) return undefined
    const [oldest] = peers.keys()
    if (peers.size >= maxPeers && oldest !== undefined) forget(oldest)
    const engine = createSocket(isIP(target.host) === 6 ? 'udp6' : 'udp4')
    const peer: Peer = { engine, lastMs: nowMs(), waiting: [] }
    peers.set(key, peer)
    // Nobody listens there any more: the next packet looks for another target.
    engine.on('error', () => {
      if (peers.get(key) === peer) forget(key)
    })
    engine.on('message', (packet) => socket.send(packet, from.port, from.address, ignore))
    engine.once('connect', () => {
      const waiting = peer.waiting ?? []
      peer.waiting = undefined
      for (const packet of waiting) engine.send(packet, ignore)
    })
    engine.connect(port, target.host)
    return peer
  }

  await bind(socket, host, port)
  return {
    get openCount() {
      return peers.size
    },
    sweep(now) {
      for (const [key, peer] of peers) {
        if (now - peer.lastMs < idleMs) return
        forget(key)
      }
    },
    close() {
      for (const key of peers.keys()) forget(key)
      socket.close()
    },
  }
}

/** A packet may be lost at any time. */
function ignore(): void {}

function bind(socket: Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      socket.close()
      reject(error)
    }
    socket.once('error', failed)
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', failed)
      socket.on('error', ignore)
      resolve()
    })
  })
}
