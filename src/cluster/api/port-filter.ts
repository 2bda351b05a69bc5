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
  const isPublished = compileRanges(published)
  const isExposed = compileRanges(exposed)
  return (ports) =>
    ports.some(
      ({ publicPort, privatePort, protocol }) => isPublished(publicPort, protocol) || isExposed(privatePort, protocol),
    )
}

/** Ranges of one protocol joined where they touch, so that a port is looked up and not held against each of them. */
function compileRanges(ranges: readonly PortRange[]): (port: number | undefined, protocol: string) => boolean {
  const byProtocol = new Map<string, PortRange[]>()
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const joined = byProtocol.get(range.protocol) ?? []
    byProtocol.set(range.protocol, joined)
    const last = joined.at(-1)
    if (last === undefined || range.first > last.last + 1) joined.push(range)
    else if (range.last > last.last) joined[joined.length - 1] = { ...last, last: range.last }
  }
  return (port, protocol) => port !== undefined && isWithin(byProtocol.get(protocol) ?? [], port)
}

/** @param ranges in order, none touching another */
function isWithin(ranges: readonly PortRange[], port: number): boolean {
  let from = 0
  let to = ranges.length
  while (from < to) {
    const middle = (from + to) >> 1
    const range = ranges[middle]
    if (range !== undefined && range.last < port) from = middle + 1
    else to = middle
  }
  const found = ranges[from]
  return found !== undefined && found.first <= port
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
