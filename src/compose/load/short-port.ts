import { compareNames } from '../model/dictionary.ts'

/** One port of the short form. `published` is a number or a range, as text. */
export interface ShortPort {
  readonly hostIp: string
  readonly published: string
  readonly target: number
  readonly protocol: string
}

/**
 * `[[IP:]HOST[-END]:]CONTAINER[-END][/PROTOCOL]`. Ranges of one length pair off; one container port
 * with a range of host ports keeps the range, for the engine to choose from.
 *
 * @returns ports in text order of `CONTAINER/PROTOCOL`, or what is wrong
 */
export function parsePort(spec: string): readonly ShortPort[] | { readonly reason: string } {
  const { host, published, container } = splitSpec(spec)
  const [ports = '', given = ''] = container.split('/')
  const protocol = given === '' ? 'tcp' : given
  if (/:/.test(host) && !/^\[.*\]$/.test(host)) {
    return { reason: `Invalid ip address ${host}: address ${host}:: too many colons in address` }
  }
  const hostIp = parseAddress(host)
  if (hostIp === undefined) return { reason: `Invalid ip address: ${host}` }
  if (ports === '') return { reason: `No port specified: ${spec}<empty>` }
  const inside = parseRange(ports)
  if (inside === undefined) return { reason: `Invalid containerPort: ${ports}` }
  const outside = published === '' ? undefined : parseRange(published)
  if (published !== '' && outside === undefined) return { reason: `Invalid hostPort: ${published}` }
  const isSpread = outside !== undefined && outside.last - outside.first !== inside.last - inside.first
  if (isSpread && inside.first !== inside.last) {
    return { reason: `Invalid ranges specified for container and host Ports: ${ports} and ${published}` }
  }
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) return { reason: `Invalid proto: ${protocol}` }
  const found: ShortPort[] = []
  for (let target = inside.first; target <= inside.last; target += 1) {
    const first = outside === undefined ? '' : String(outside.first + target - inside.first)
    const text = isSpread && outside !== undefined ? `${first}-${outside.last}` : first
    found.push({ hostIp, published: text, target, protocol: protocol.toLowerCase() })
  }
  return found.sort((a, b) => compareNames(`${a.target}/${a.protocol}`, `${b.target}/${b.protocol}`))
}

function splitSpec(spec: string): { host: string; published: string; container: string } {
  const parts = spec.split(':')
  const container = parts.pop() ?? ''
  const published = parts.pop() ?? ''
  return { host: parts.join(':'), published, container }
}

function parseRange(text: string): { first: number; last: number } | undefined {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text)
  if (match === null) return undefined
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])]
  return first <= last && last <= 65_535 ? { first, last } : undefined
}

function parseAddress(host: string): string | undefined {
  if (host === '') return ''
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  return isIpAddress(bare) ? bare : undefined
}

/** An IPv4 or IPv6 address without zone, as Go's `net.ParseIP` takes it. */
export function isIpAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text)
}

function isIpv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

function isIpv6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2) return false
  let groups = 0
  for (const [index, half] of halves.entries()) {
    if (half === '') continue
    const parts = half.split(':')
    for (const [at, part] of parts.entries()) {
      const isLast = at === parts.length - 1 && index === halves.length - 1
      if (isLast && part.includes('.') && isIpv4(part)) groups += 2
      else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups += 1
      else return false
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8
}
