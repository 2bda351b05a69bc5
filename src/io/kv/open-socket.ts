import { connect as connectTcp, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { joinHostPort } from '../dial.ts'
import type { MutualTls } from '../dial.ts'
import { whenReady } from '../when-ready.ts'
import type { StoreEndpoint } from './address.ts'

const keepAliveMs = 15_000

/**
 * Connects to a store, with mutual TLS when certificates are given.
 *
 * @throws {io/connect} naming the endpoint
 */
export async function openStoreSocket(
  endpoint: StoreEndpoint,
  tls: MutualTls | undefined,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  if (tls === undefined) return settle(endpoint, connectTcp(endpoint), 'connect', signal)
  const { connect } = await import('node:tls')
  const name = isIP(endpoint.host) === 0 ? { servername: endpoint.host } : {}
  let socket: Socket
  try {
    socket = connect({ ...endpoint, ...tls, ...name, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] })
  } catch (error) {
    throw failure(endpoint, error)
  }
  return settle(endpoint, socket, 'secureConnect', signal)
}

async function settle(
  endpoint: StoreEndpoint,
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal | undefined,
): Promise<Socket> {
  try {
    await whenReady(socket, event, signal)
  } catch (error) {
    throw signal?.aborted === true ? error : failure(endpoint, error)
  }
  socket.setNoDelay(true)
  socket.setKeepAlive(true, keepAliveMs)
  return socket
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
  ECONNRESET: 'connection reset by peer',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'no such host',
}

function failure(endpoint: StoreEndpoint, error: unknown): FlotillaError {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  const reason = reasons[String(code)] ?? toMessage(error)
  return new FlotillaError('io/connect', `cannot connect to ${joinHostPort(endpoint)}: ${reason}`, { cause: error })
}
