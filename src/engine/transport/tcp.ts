import type { Duplex } from 'node:stream'
import type { Endpoint } from '../endpoint.ts'
import type { ReadyLimit } from '../../io/when-ready.ts'
import { openSocket } from './socket.ts'

/** A dead peer without a word is noticed after about this long by TCP itself. */
const keepAliveMs = 30_000

/** Plain TCP, or TLS where the endpoint has certificates. */
export async function openTcp(
  endpoint: Extract<Endpoint, { readonly kind: 'tcp' }>,
  signal: AbortSignal | undefined,
  limit?: ReadyLimit,
): Promise<Duplex> {
  if (endpoint.tls !== undefined) {
    // `node:tls` takes milliseconds to load; plain endpoints do not pay for it.
    const { openTls } = await import('./tls.ts')
    return openTls(endpoint, endpoint.tls, signal, limit)
  }
  const socket = await openSocket({ host: endpoint.host, port: endpoint.port }, signal, limit)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, keepAliveMs)
  return socket
}
