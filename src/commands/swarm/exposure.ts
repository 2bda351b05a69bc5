import { renderListenAddress } from '../../cluster/api/listen.ts'
import type { ListenAddress, ListenTls } from '../../cluster/api/listen.ts'

/**
 * What has to be said at each start about addresses that other computers reach and nobody is asked for a certificate at
 * (reliability.md S-T1), or where tokens go in the clear. Classic Swarm's own default of its image is one, so that it cannot be refused.
 */
export function describeExposure(
  listen: readonly ListenAddress[],
  tls: ListenTls | undefined,
  hasAccess = false,
): string | undefined {
  if (tls?.clientCa !== undefined || (hasAccess && tls !== undefined)) return undefined
  const open = listen.filter((address) => address.kind === 'tcp' && !/^(?:127\.|::1$|localhost$)/.test(address.host))
  if (open.length === 0) return undefined
  const where = open.map(renderListenAddress).join(', ')
  if (hasAccess) return `Tokens that are sent to ${where} can be read on their way there: use --tls or --tlsverify`
  return `Whoever reaches ${where} controls every engine of this cluster: no client certificate is asked for; use --tlsverify`
}
