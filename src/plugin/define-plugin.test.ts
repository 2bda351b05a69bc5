import { describe, expect, it } from 'vitest'
import { toMessage } from '../core/errors.ts'
import { definePlugin, toPluginTable } from './define-plugin.ts'
import { makeRegistry } from './make-registry.ts'

const strategy = { name: 'cheapest', weigh: () => 0 }

function problem(exported: unknown): string {
  try {
    toPluginTable(exported, 'flotilla-x')
    return 'no problem'
  } catch (error) {
    return toMessage(error)
  }
}

describe('plug-ins', () => {
  it('add their names to the registry and are loaded on first use, as module or as the thing itself', async () => {
    let loads = 0
    const plugin = definePlugin({
      apiVersion: 1,
      strategies: {
        cheapest: async () => {
          loads += 1
          return { default: strategy }
        },
        'same-again': async () => strategy,
      },
    })
    const registry = makeRegistry(toPluginTable(plugin, 'flotilla-x'))
    expect(registry.names('strategy')).toEqual(['cheapest', 'same-again'])
    expect(loads).toBe(0)
    expect(await registry.load('strategy', 'cheapest')).toBe(strategy)
    expect(await registry.load('strategy', 'same-again')).toBe(strategy)
  })

  it.each([
    [undefined, 'plug-in "flotilla-x": its default export is not an object'],
    [{}, 'plug-in "flotilla-x": field "apiVersion" is missing, this program knows 1'],
    [{ apiVersion: 2 }, 'plug-in "flotilla-x": field "apiVersion" is 2, this program knows 1'],
    [{ apiVersion: 1, strategy: {} }, 'plug-in "flotilla-x": field "strategy" is not known'],
    [{ apiVersion: 1, constructor: {} }, 'plug-in "flotilla-x": field "constructor" is not known'],
    [{ apiVersion: 1, filters: 3 }, 'plug-in "flotilla-x": field "filters" is not an object'],
    [{ apiVersion: 1, filters: { rack: {} } }, 'plug-in "flotilla-x": filters.rack is object, expected a function'],
    [
      { apiVersion: 1, filters: { 'My Rack': () => {} } },
      'plug-in "flotilla-x": filters: name "My Rack" is not lower-case words with dashes between',
    ],
  ])('%j is refused, naming package and field', (exported, expected) => {
    expect(problem(exported)).toBe(expected)
  })
})
