import type { Duplex } from 'node:stream'
import { assertNever } from '../../core/errors.ts'
import type { Endpoint } from '../endpoint.ts'
import { openSocket } from './socket.ts'

/** Opens one connection to an endpoint. Rejects with the error of the system, of TLS or of ssh. */
export async function openTransport(
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
  env?: Readonly<Record<string, string | undefined>>,
): Promise<Duplex> {
  switch (endpoint.kind) {
    case 'unix':
    case 'npipe':
      return openSocket({ path: endpoint.path }, signal)
    case 'tcp': {
      const { openTcp } = await import('./tcp.ts')
      return openTcp(endpoint, signal)
    }
    case 'ssh': {
      const { openSsh } = await import('./ssh.ts')
      return openSsh(endpoint, env)
    }
    default:
      return assertNever(endpoint)
  }
}
