import { FlotillaError } from '../../core/errors.ts'
import type { PublishedPort } from '../model.ts'
import type { ListFilters } from './list-filter.ts'

/** Ports of one protocol, both ends included. */
interface PortRange {
  readonly first: number
  readonly last: number
  readonly protocol: string
}

/**
 * The filters `publish` and `expose`, each `80`, `80/udp` or `80-90/tcp`: a container fits when one of its ports fits
 * one of either. Undefined when neither is given.
 *
 * @throws {cluster/invalid-option} status 400, for a value that is no port
 */
export function compilePorts(filters: ListFilters): ((ports: readonly PublishedPort[]) => boolean) | undefined {
  const published = (filters.get('publish') ?? []).map((text) => parseRange('publish', text))
  const exposed = (filters.get('expose') ?? []).map((text) => parseRange('expose', text))
  if (published.length + exposed.length === 0) return undefined
  return (ports) =>
    ports.some(
      (port) =>
        published.some((range) => isWithin(range, port.publicPort, port.protocol)) ||
        exposed.some((range) => isWithin(range, port.privatePort, port.protocol)),
    )
}

function isWithin(range: PortRange, port: number | undefined, protocol: string): boolean {
  return port !== undefined && port >= range.first && port <= range.last && protocol === range.protocol
}

function parseRange(key: string, text: string): PortRange {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(text)
  const first = Number(found?.[1])
  const last = Number(found?.[2] ?? first)
  if (found === null || last < first || last > 65_535) {
    throw new FlotillaError('cluster/invalid-option', `invalid filter '${key}=${text}'`, { status: 400 })
  }
  return { first, last, protocol: found[3] ?? 'tcp' }
}
