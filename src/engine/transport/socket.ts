import { connect } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import { whenReady } from '../../io/when-ready.ts'
import type { ReadyLimit } from '../../io/when-ready.ts'

/** Opens a plain socket: a port, a Unix socket or a named pipe. Rejects with the system's error. */
export function openSocket(
  target: NetConnectOpts,
  signal: AbortSignal | undefined,
  limit?: ReadyLimit,
): Promise<Socket> {
  // Half-open on both sides: an engine may still write when we have ended, and the other way round.
  const socket = connect({ ...target, allowHalfOpen: true })
  return whenReady(socket, 'connect', signal, limit)
}
