import { describe, expect, it } from 'vitest'
import { isFlotillaError } from '../core/errors.ts'
import { builtins } from './builtins.generated.ts'
import { makeRegistry } from './make-registry.ts'
import type { PluginTable } from './make-registry.ts'
import type { PluginKind } from './registry.ts'

const spread = { name: 'spread', weigh: () => 0 }

const table: PluginTable = {
  strategy: {
    spread: { source: 'built-in', load: async () => spread },
    binpack: { source: 'built-in', aliases: ['binpacking'], load: async () => ({ name: 'binpack', weigh: () => 1 }) },
    broken: { source: 'package "x"', load: async () => ({ name: 'broken', weigh: 3 }) },
    nothing: { source: 'package "x"', load: async () => undefined },
  },
}

async function problem(body: () => unknown): Promise<string> {
  try {
    await body()
    return 'no problem'
  } catch (error) {
    return isFlotillaError(error) ? `${error.code}: ${error.message} (${error.hint ?? ''})` : String(error)
  }
}

describe('the registry', () => {
  it('lists names sorted, without aliases, and finds by either', async () => {
    const registry = makeRegistry(table)
    expect(registry.names('strategy')).toEqual(['binpack', 'broken', 'nothing', 'spread'])
    expect(registry.names('driver')).toEqual([])
    expect(registry.has('strategy', 'binpacking')).toBe(true)
    expect(await registry.load('strategy', 'spread')).toBe(spread)
  })

  it('loads a thing once, and again after a failure', async () => {
    let loads = 0
    const registry = makeRegistry({
      leader: {
        kv: {
          source: 'built-in',
          load: async () => {
            loads += 1
            if (loads === 1) throw new Error('not yet')
            return {}
          },
        },
      },
    })
    await expect(registry.load('leader', 'kv')).rejects.toThrow('not yet')
    await registry.load('leader', 'kv')
    await registry.load('leader', 'kv')
    expect(loads).toBe(2)
  })

  it('names the nearest of what it does not have', async () => {
    const registry = makeRegistry(table)
    expect(await problem(() => registry.load('strategy', 'spraed'))).toBe(
      'plugin/not-found: there is no strategy "spraed" (did you mean "spread"?)',
    )
    expect(await problem(() => registry.load('driver', 'kvm'))).toBe(
      'plugin/not-found: there is no driver "kvm" (known are: none)',
    )
    expect(await problem(() => registry.load('strategy', 'constructor'))).toMatch(/^plugin\/not-found/)
  })

  it('refuses what does not have the shape of its kind, naming field and source', async () => {
    const registry = makeRegistry(table)
    expect(await problem(() => registry.load('strategy', 'broken'))).toBe(
      'plugin/invalid: strategy.broken of package "x": field "weigh" is number, expected function ()',
    )
    expect(await problem(() => registry.load('strategy', 'nothing'))).toBe(
      'plugin/invalid: strategy.nothing of package "x" is undefined, not an object ()',
    )
  })

  it('two sources of one name are an error that names both', async () => {
    const other: PluginTable = { strategy: { binpacking: { source: 'package "y"', load: async () => spread } } }
    expect(await problem(() => makeRegistry(table, other))).toBe(
      'plugin/duplicate: strategy.binpacking is provided by built-in and by package "y" ()',
    )
  })

  it('every built-in loads and has the shape of its kind', async () => {
    const registry = makeRegistry(builtins)
    const kinds = Object.keys(builtins) as PluginKind[]
    expect(kinds.length).toBeGreaterThan(0)
    for (const kind of kinds) {
      for (const name of registry.names(kind)) expect(await registry.load(kind, name), name).toBeTruthy()
    }
  })
})
