import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import { collectEntries, orderContainers } from '../container-order.ts'
import type { ContainerView } from '../model.ts'
import { noRegex } from '../regex.ts'
import { containerFilterKeys } from './container-filter.ts'
import { selectContainers } from './list-containers.ts'
import { compileNames, parseListFilters } from './list-filter.ts'
import { compileByNode, startsWithAny } from './value-tests.ts'

const shortText = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'n'), maxLength: 4 })

describe('values of a filter', () => {
  it('are beginnings', () => {
    fc.assert(
      fc.property(fc.array(shortText), shortText, (values, text) => {
        expect(startsWithAny(values)(text)).toBe(values.some((value) => text.startsWith(value)))
      }),
    )
  })

  it('may be written with their node', () => {
    const make = (values: readonly string[]): ((text: string) => boolean) => {
      return (text) => values.includes(text)
    }
    fc.assert(
      fc.property(fc.array(shortText), shortText, fc.constantFrom('a', 'n'), (values, text, node) => {
        const meant = values.map((value) => (value.startsWith(`${node}/`) ? value.slice(node.length + 1) : value))
        expect(compileByNode(values, make)(text, node)).toBe(meant.includes(text))
      }),
    )
  })
})

describe('a container and thousands of values', () => {
  const many = Array.from({ length: 5000 }, (_, index) => `value${index}`)

  /** A container that counts how often it is looked at. */
  function counted(): { readonly container: ContainerView; readonly reads: () => number } {
    let reads = 0
    const container = new Proxy(makeContainer('web', { image: 'app', ports: [] }), {
      get(target, name) {
        reads += 1
        return Reflect.get(target, name) as unknown
      },
    })
    return { container, reads: () => reads }
  }

  it.each(['ancestor', 'id', 'network', 'node', 'volume', 'label', 'publish', 'expose', 'exited', 'status'])(
    'the filter %s looks at it as often as with one',
    (key) => {
      const usual = { exited: ['1', '2'], status: ['exited', 'dead'], publish: ['1', '2'], expose: ['1', '2'] }
      const values =
        key in usual ? Array.from({ length: 2500 }, () => Reflect.get(usual, key) as string[]).flat() : many
      const looks = [values.slice(0, 1), values].map((chosen) => {
        const { container, reads } = counted()
        const all = orderContainers([makeNode('a', { containers: [container] })])
        const filters = parseListFilters(JSON.stringify({ [key]: chosen }), containerFilterKeys)
        const query = { isAll: true, limit: 0, before: '', since: '', filters }
        const before = reads()
        collectEntries(selectContainers(all, query, () => undefined, compileNames(filters, noRegex)))
        return reads() - before
      })
      expect(looks[1]).toBe(looks[0])
    },
  )
})
