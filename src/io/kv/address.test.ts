import { describe, expect, it } from 'vitest'
import { parseStoreAddress } from './address.ts'

describe('the address of a store', () => {
  it.each([
    ['10.0.0.1:2379', [['10.0.0.1', 2379]], ''],
    [
      'a,b:1/',
      [
        ['a', 1000],
        ['b', 1],
      ],
      '',
    ],
    ['a:1/prod', [['a', 1]], 'prod'],
    ['a:1//prod/eu/', [['a', 1]], 'prod/eu'],
    [
      '[::1]:2,[fe80::1%eth0]/x',
      [
        ['::1', 2],
        ['fe80::1%eth0', 1000],
      ],
      'x',
    ],
  ])('%s', (text, endpoints, prefix) => {
    expect(parseStoreAddress(text, 1000)).toEqual({
      endpoints: endpoints.map(([host, port]) => ({ host, port })),
      prefix,
      credentials: undefined,
    })
  })

  it('has user and password before the last @, percent-encoded', () => {
    expect(parseStoreAddress('root:p%40s%2Fs:x@a:1/p', 1)).toEqual({
      endpoints: [{ host: 'a', port: 1 }],
      prefix: 'p',
      credentials: { user: 'root', password: 'p@s/s:x' },
    })
  })

  it.each(['', '/prefix', ',', 'a:0', 'a:99999', 'a b:1', '::1:1', 'http://a:1'])('%j is refused', (text) => {
    expect(() => parseStoreAddress(text, 1)).toThrow(/store|server/)
  })

  it('does not repeat a password that cannot be read', () => {
    expect(() => parseStoreAddress('root:geheim%zz@a:1', 1)).toThrow(/^(?!.*geheim).*percent-encoded/)
  })
})
