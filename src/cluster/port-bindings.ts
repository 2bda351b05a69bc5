import type { PortClaim, PortProtocol } from './model.ts'
import { isFields, readText } from './wire.ts'
import type { Fields } from './wire.ts'

/** `80/udp` → `udp`; tcp when nothing is said. */
export function protocolOf(target: string): PortProtocol {
  const name = target.slice(target.indexOf('/') + 1).toLowerCase()
  return target.includes('/') && (name === 'udp' || name === 'sctp') ? name : 'tcp'
}

/**
 * The host ports a `PortBindings` object asks for. Bindings without a port, or port 0, take any free port
 * of the node and claim none. Entries that are not bindings are left out.
 */
export function readBindings(bindings: Fields): readonly PortClaim[] {
  const claims: PortClaim[] = []
  for (const [target, list] of Object.entries(bindings)) {
    if (!Array.isArray(list)) continue
    for (const entry of list) {
      if (!isFields(entry)) continue
      const range = parsePorts(readText(entry, 'HostPort'))
      if (range === undefined) continue
      claims.push({ hostIp: readText(entry, 'HostIp'), ...range, protocol: protocolOf(target), target })
    }
  }
  return claims
}

function parsePorts(text: string): { from: number; to: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text.trim())
  if (match === null) return undefined
  const from = Number(match[1])
  const to = Number(match[2] ?? match[1])
  return from === 0 || to < from || to > 65_535 ? undefined : { from, to }
}
