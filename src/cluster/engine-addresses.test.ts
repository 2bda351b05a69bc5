import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeNode } from '../testing/cluster-builders.ts'
import { EngineAddresses } from './engine-addresses.ts'
import type { Health, NodeView } from './model.ts'

function makeVersion(addr: string, engineId: string, state: Health['state']): NodeView {
  return makeNode('n', { addr, engineId, health: { state, failures: 0, indicator: 0 } })
}

describe('addresses of engines', () => {
  it('are found by the ID after any history as by a look at all of them', () => {
    const version = fc.record({
      addr: fc.constantFrom('a:1', 'b:1', 'c:1'),
      engineId: fc.constantFrom('', 'x', 'y'),
      state: fc.constantFrom('pending', 'healthy', 'unhealthy', 'disconnected'),
      isForgotten: fc.constantFrom(false, false, false, true),
    })
    fc.assert(
      fc.property(fc.array(version, { maxLength: 20 }), (versions) => {
        const addresses = new EngineAddresses()
        const nodes = new Map<string, NodeView>()
        for (const { addr, engineId, state, isForgotten } of versions) {
          const before = nodes.get(addr) ?? makeVersion(addr, '', 'pending')
          const after = makeVersion(addr, engineId, state)
          if (isForgotten) {
            addresses.forget(before)
            nodes.delete(addr)
          } else {
            addresses.note(before, after)
            nodes.set(addr, after)
          }
        }
        for (const id of ['x', 'y']) {
          const all = [...nodes.values()].filter((node) => node.engineId === id)
          const inService = all.filter(({ health }) => health.state === 'healthy' || health.state === 'unhealthy')
          expect(addresses.withId(id).toSorted()).toEqual(all.map((node) => node.addr).toSorted())
          expect(addresses.inService(id).toSorted()).toEqual(inService.map((node) => node.addr).toSorted())
        }
      }),
    )
  })

  it('that nobody has read yet are those of no engine', () => {
    const addresses = new EngineAddresses()
    addresses.note(makeVersion('a:1', '', 'pending'), makeVersion('a:1', '', 'healthy'))
    expect([addresses.withId(''), addresses.inService('')]).toEqual([[], []])
  })

  it('are second ones no longer once discovery has dropped them', () => {
    const addresses = new EngineAddresses()
    addresses.setSecond('a:1', true)
    addresses.forget(makeVersion('a:1', 'x', 'disconnected'))
    expect([addresses.isSecond('a:1'), addresses.mayHaveSeconds]).toEqual([false, false])
  })
})
