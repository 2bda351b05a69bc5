import { X509Certificate } from 'node:crypto'
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

const [forServers, forClients] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']

/**
 * What the manager's one certificate is not good for. It works as far as it goes (clients may not look, engines may not
 * ask), but whoever verifies it refuses the connection in words that do not tell which certificate is meant.
 */
export function describeUnfitness(listen: readonly ListenAddress[], tls: ListenTls | undefined): string | undefined {
  if (tls === undefined) return undefined
  const { keyUsage, subjectAltName } = new X509Certificate(tls.cert)
  const lacks = (usage: string): boolean => keyUsage !== undefined && !keyUsage.includes(usage)
  const reasons = [
    ...(listen.some(({ kind }) => kind === 'tcp')
      ? [
          ...(subjectAltName === undefined ? ['it names no host (subjectAltName), so that clients refuse it'] : []),
          ...(lacks(forServers) ? ['it is none of a server (serverAuth), so that clients refuse it'] : []),
        ]
      : []),
    ...(lacks(forClients) ? ['it is none of a client (clientAuth), so that engines refuse it'] : []),
  ]
  return reasons.length === 0 ? undefined : `The certificate of --tlscert will not do: ${reasons.join('; ')}`
}
