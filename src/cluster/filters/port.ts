import type { NodeUsage, PortClaim } from '../model.ts'
import type { PlacementRequest } from '../placement.ts'
import type { Filter } from './filter.ts'

/**
 * Host ports nobody else on the node holds. Bridge mode: number, protocol and overlapping address; a range
 * needs one free port in it. Host mode: no other host-mode container exposes the port.
 * The ancestor ignored protocols and ranges (classicswarm scheduler/filter/port.go); ports of stopped
 * containers count, as there.
 */
export const portFilter: Filter = {
  name: 'port',
  reads: ['ports'],
  asks: ['networkMode', 'ports', 'exposed'],
  relevant: (request) => (isHostMode(request) ? request.exposed.length > 0 : request.ports.length > 0),
  pass: (request, node) => findClash(request, node.usage) === undefined,
  explain: (request, node) => `port ${findClash(request, node.usage) ?? ''} is taken`,
  legacy(request) {
    if (isHostMode(request)) return request.exposed.map((port) => `port ${port} (Host mode)`).join(' ')
    return request.ports.map((claim) => `port ${renderNumbers(claim)} (Bridge mode)`).join(' ')
  },
}

function isHostMode(request: PlacementRequest): boolean {
  return request.networkMode === 'host'
}

function renderNumbers(claim: PortClaim): string {
  return claim.from === claim.to ? String(claim.from) : `${String(claim.from)}-${String(claim.to)}`
}

function findClash(request: PlacementRequest, usage: NodeUsage): string | undefined {
  if (isHostMode(request)) return request.exposed.find((port) => usage.hostModePorts.has(port))
  for (const claim of request.ports) {
    const isFree = claim.from === claim.to ? isPortFree(claim, usage) : isRangeFree(claim, request, usage)
    if (!isFree) return `${renderNumbers(claim)}/${claim.protocol}`
  }
  return undefined
}

function isPortFree(claim: PortClaim, usage: NodeUsage): boolean {
  const holders = usage.hostPorts.get(claim.from)
  return holders === undefined || !holders.some((holder) => overlaps(holder, claim))
}

/** Free ports of the range, less one for each unsettled range that overlaps it and for what else the request takes there. */
function isRangeFree(claim: PortClaim, request: PlacementRequest, usage: NodeUsage): boolean {
  let free = 0
  for (let port = claim.from; port <= claim.to; port += 1) {
    const isHeld = usage.hostPorts.get(port)?.some((holder) => overlaps(holder, claim)) ?? false
    if (!isHeld) free += 1
  }
  for (const range of usage.portRanges) if (isSharing(range, claim)) free -= 1
  for (const own of request.ports) if (own !== claim && isSharing(own, claim)) free -= 1
  return free > 0
}

function isSharing(a: PortClaim, b: PortClaim): boolean {
  return a.from <= b.to && b.from <= a.to && overlaps(a, b)
}

function overlaps(a: PortClaim, b: PortClaim): boolean {
  return (
    a.protocol === b.protocol && (a.hostIp === b.hostIp || isEveryInterface(a.hostIp) || isEveryInterface(b.hostIp))
  )
}

/** True for the addresses that bind all interfaces. */
export function isEveryInterface(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0' || ip === '::'
}
