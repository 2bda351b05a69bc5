import type { Duplex } from 'node:stream'
import { assertNever } from '../../core/errors.ts'
import type { ReadyLimit } from '../../io/when-ready.ts'
import type { Endpoint } from '../endpoint.ts'
import { openSocket } from './socket.ts'

/**
 * Opens one connection to an endpoint. Rejects with the error of the system, of TLS or of ssh.
 *
 * @param limit of a connection of our own; what `ssh` takes shows with the first answer only
 */
export async function openTransport(
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
  env?: Readonly<Record<string, string | undefined>>,
  limit?: ReadyLimit,
): Promise<Duplex> {
  switch (endpoint.kind) {
    case 'unix':
    case 'npipe':
      return openSocket({ path: endpoint.path }, signal, limit)
    case 'tcp': {
      const { openTcp } = await import('./tcp.ts')
      return openTcp(endpoint, signal, limit)
    }
    case 'ssh': {
      const { openSsh } = await import('./ssh.ts')
      return openSsh(endpoint, env)
    }
    default:
      return assertNever(endpoint)
  }
}
