import { expect, it } from 'vitest'
import { silentLog } from 'flotilla/cluster'
import { manualClock } from 'flotilla/testing'
import { testDiscovery } from 'flotilla/testing/conformance'
import { makeDns } from './dns.js'

const clock = manualClock()
/** @type {readonly string[]} */
let zone = []
const context = { clock, log: silentLog, heartbeatMs: 10_000, options: new Map() }
/** @param {readonly string[]} addresses */
const hosts = (addresses) => addresses.map((address) => address.replace(/:.*/, ''))

testDiscovery('dns', {
  async make(addresses) {
    zone = hosts(addresses)
    return makeDns(async () => zone)('engines.example:2375', context)
  },
  advance: (ms) => clock.advance(ms),
  async change(addresses) {
    zone = hosts(addresses)
  },
})

it('puts brackets around IPv6 and joins several names', async () => {
  const found = { a: ['10.0.0.1', 'fd00::1'], b: ['10.0.0.2'] }
  const watch = makeDns(async (name) => found[/** @type {'a' | 'b'} */ (name)])('a:1,b:2', context).watch()
  expect((await watch[Symbol.asyncIterator]().next()).value).toEqual(['10.0.0.1:1', '10.0.0.2:2', '[fd00::1]:1'])
})

it('refuses what is no name with a port', () => {
  expect(() => makeDns()('engines.example', context)).toThrow('dns://: "engines.example" is not NAME:PORT')
})
