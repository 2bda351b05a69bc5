import { isIPv4 } from 'node:net'
import { FlotillaError } from '../core/errors.ts'

/** The network of one fleet. Its first address belongs to the machine itself (the gateway). */
export interface Subnet {
  /** Network address and prefix length, `10.213.0.0/24`. */
  readonly cidr: string
  readonly prefixLength: number
  readonly gateway: string
  /** Addresses for hosts: second to last but one, ascending. */
  readonly firstHost: number
  readonly lastHost: number
}

/**
 * Reads `A.B.C.D/N`. Bits after the prefix are cleared.
 *
 * @throws {cli/invalid-value} when it is not an IPv4 network with room for at least two hosts
 */
export function parseSubnet(text: string): Subnet {
  const [address = '', length = '', ...rest] = text.split('/')
  const prefixLength = /^\d{1,2}$/.test(length) ? Number(length) : Number.NaN
  if (rest.length > 0 || !isIPv4(address) || !(prefixLength >= 8 && prefixLength <= 29)) {
    throw new FlotillaError(
      'cli/invalid-value',
      `cannot use subnet "${text}": it must read A.B.C.D/N with N from 8 to 29`,
    )
  }
  const size = 2 ** (32 - prefixLength)
  const network = Math.floor(toNumber(address) / size) * size
  return {
    cidr: `${toAddress(network)}/${prefixLength}`,
    prefixLength,
    gateway: toAddress(network + 1),
    firstHost: network + 2,
    lastHost: network + size - 2,
  }
}

/** An IPv4 address as a number. The argument must be valid. */
export function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

/** A number as an IPv4 address. */
export function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}

/** True when the address may belong to a host of the subnet. */
export function isHostAddress(subnet: Subnet, address: string): boolean {
  if (!isIPv4(address)) return false
  const value = toNumber(address)
  return value >= subnet.firstHost && value <= subnet.lastHost
}

/** Eight hexadecimal digits: unique per address, short enough for names of interfaces. */
export function toHex(address: string): string {
  return toNumber(address).toString(16).padStart(8, '0')
}

/**
 * A MAC address that follows from the address, so that it is the same after every power-on: with a new one
 * clients keep a stale ARP entry for seconds.
 */
export function toMac(address: string): string {
  const bytes = toHex(address).match(/../g) ?? []
  return ['02', 'f1', ...bytes].join(':')
}

/** Name of a veth's outer end; at most 15 characters are allowed, this has 10. */
export function toInterfaceName(address: string): string {
  return `fl${toHex(address)}`
}

/** True when the two networks share an address. */
export function overlaps(subnet: Subnet, cidr: string): boolean {
  const [address = '', length = '32'] = cidr.split('/')
  const size = 2 ** (32 - Number(length))
  const first = Math.floor(toNumber(address) / size) * size
  return first <= subnet.lastHost + 1 && first + size - 1 >= subnet.firstHost - 2
}
