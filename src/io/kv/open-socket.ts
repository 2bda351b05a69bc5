import { connect as connectTcp, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { toAbortError } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { joinHostPort } from '../dial.ts'
import type { MutualTls } from '../dial.ts'
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

function settle(
  endpoint: StoreEndpoint,
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal | undefined,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    function release(): void {
      socket.off(event, ready)
      socket.off('error', fail)
      socket.off('close', closed)
      signal?.removeEventListener('abort', stop)
    }
    function ready(): void {
      release()
      socket.setNoDelay(true)
      socket.setKeepAlive(true, keepAliveMs)
      resolve(socket)
    }
    function refuse(error: Error): void {
      release()
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    function fail(error: Error): void {
      refuse(failure(endpoint, error))
    }
    function closed(): void {
      fail(new Error('connection closed'))
    }
    function stop(): void {
      refuse(toAbortError(signal))
    }
    socket.on(event, ready)
    socket.on('error', fail)
    socket.on('close', closed)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
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
