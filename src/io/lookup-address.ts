import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** The address that a host name stands for here; addresses stand for themselves. */
export async function lookupAddress(host: string): Promise<string> {
  if (isIP(host) !== 0) return host
  return (await lookup(host)).address
}
