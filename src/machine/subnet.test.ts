import { assert, integer, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isHostAddress, overlaps, parseSubnet, toAddress, toHex, toInterfaceName, toMac, toNumber } from './subnet.ts'

const addresses = integer({ min: 0, max: 2 ** 32 - 1 })

describe('subnet', () => {
  it('gives the first address to the machine and the rest to hosts', () => {
    expect(parseSubnet('10.213.0.77/24')).toEqual({
      cidr: '10.213.0.0/24',
      prefixLength: 24,
      gateway: '10.213.0.1',
      firstHost: toNumber('10.213.0.2'),
      lastHost: toNumber('10.213.0.254'),
    })
  })

  it.each([
    '',
    '10.0.0.0',
    '10.0.0/24',
    '10.0.0.0/33',
    '10.0.0.0/30',
    '10.0.0.0/7',
    '10.0.0.0/24/1',
    'fd00::/64',
    '10.0.0.0/ 24',
  ])('refuses %j and says how it must read', (text) => {
    expect(() => parseSubnet(text)).toThrow(`cannot use subnet "${text}": it must read A.B.C.D/N`)
  })

  it('an address survives the way to a number and back', () => {
    assert(property(addresses, (value) => toNumber(toAddress(value)) === value))
  })

  it('names and MAC addresses are valid and differ where addresses differ', () => {
    assert(
      property(addresses, addresses, (a, b) => {
        const [left, right] = [toAddress(a), toAddress(b)]
        expect(toInterfaceName(left)).toMatch(/^fl[0-9a-f]{8}$/)
        // Locally administered, not multicast.
        expect(toMac(left)).toMatch(/^02(:[0-9a-f]{2}){5}$/)
        expect(toMac(left) === toMac(right)).toBe(a === b)
        expect(toHex(left) === toHex(right)).toBe(a === b)
      }),
    )
  })

  it('neither the gateway nor the broadcast address belongs to a host', () => {
    const subnet = parseSubnet('10.213.0.0/29')
    const all = Array.from({ length: 8 }, (_, last) => `10.213.0.${last}`)
    expect(all.filter((address) => isHostAddress(subnet, address))).toEqual([
      '10.213.0.2',
      '10.213.0.3',
      '10.213.0.4',
      '10.213.0.5',
      '10.213.0.6',
    ])
    expect(isHostAddress(subnet, '../etc')).toBe(false)
  })

  it('sees overlaps in both directions, and none between neighbours', () => {
    const subnet = parseSubnet('10.213.4.0/24')
    const found = [
      '10.213.4.9/32',
      '10.213.0.1/16',
      '10.213.4.255/32',
      '10.213.5.0/24',
      '10.213.3.0/24',
      '0.0.0.0/0',
    ].map((cidr) => overlaps(subnet, cidr))
    expect(found).toEqual([true, true, true, false, false, true])
  })
})
