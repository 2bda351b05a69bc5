import { describe, expect, it } from 'vitest'
import { toMessage } from '../core/errors.ts'
import type { PluginTable } from './make-registry.ts'
import { makeOpenRegistry, parsePluginConfig } from './packages.ts'
import type { PackageEntry } from './packages.ts'

const spread = { name: 'spread', weigh: () => 0 }
const builtins: PluginTable = {
  strategy: {
    spread: { source: 'built-in', load: async () => spread },
    binpack: { source: 'built-in', aliases: ['binpacking'], load: async () => ({ name: 'binpack', weigh: () => 1 }) },
  },
}

function openRegistry(entries: readonly PackageEntry[], exported: Readonly<Record<string, unknown>>) {
  const loaded: string[] = []
  const registry = makeOpenRegistry(builtins, {
    list: async () => entries,
    async load({ name }) {
      loaded.push(name)
      if (exported[name] === undefined) throw new Error(`no ${name}`)
      return exported[name]
    },
  })
  return { registry, loaded }
}

const plain = (name: string): PackageEntry => ({ name, isReplacing: false })
const replacing = (name: string): PackageEntry => ({ name, isReplacing: true })
const cheapest = { name: 'cheapest', weigh: () => 1 }
const acme = { apiVersion: 1, strategies: { cheapest: async () => cheapest } }

async function problem(body: () => unknown): Promise<string> {
  try {
    await body()
    return 'no problem'
  } catch (error) {
    return toMessage(error)
  }
}

describe('a registry with packages', () => {
  it('loads none of them for what is built in', async () => {
    const { registry, loaded } = openRegistry([plain('acme')], { acme })
    expect(registry.has('strategy', 'cheapest')).toBe(false)
    expect(await registry.find('strategy', 'binpacking')).toBe(true)
    expect(await registry.load('strategy', 'spread')).toBe(spread)
    expect(loaded).toEqual([])
  })

  it('finds and loads what they add, each package once', async () => {
    const { registry, loaded } = openRegistry([plain('acme')], { acme })
    expect(await registry.find('strategy', 'cheapest')).toBe(true)
    expect(await registry.load('strategy', 'cheapest')).toBe(cheapest)
    expect(await registry.find('strategy', 'dearest')).toBe(false)
    expect(loaded).toEqual(['acme'])
  })

  it('refuses a name that exists, naming both sources, unless the package may replace', async () => {
    const spreadToo = { apiVersion: 1, strategies: { spread: async () => cheapest } }
    const refused = openRegistry([plain('acme')], { acme: spreadToo })
    expect(await problem(() => refused.registry.find('strategy', 'other'))).toBe(
      'strategy.spread is provided by built-in and by package "acme"',
    )
    const allowed = openRegistry([replacing('acme')], { acme: spreadToo })
    expect(await allowed.registry.load('strategy', 'spread')).toBe(cheapest)
    expect(await allowed.registry.find('strategy', 'binpacking')).toBe(true)
  })

  it('an alias can be replaced without the name it belongs to', async () => {
    const alias = { apiVersion: 1, strategies: { binpacking: async () => cheapest } }
    const { registry } = openRegistry([replacing('acme')], { acme: alias })
    expect(await registry.load('strategy', 'binpacking')).toBe(cheapest)
    expect(await registry.load<{ name: string }>('strategy', 'binpack')).toMatchObject({ name: 'binpack' })
  })

  it('two packages of one name are told apart by their names', async () => {
    const { registry } = openRegistry([plain('acme'), plain('other')], { acme, other: acme })
    expect(await problem(() => registry.load('strategy', 'cheapest'))).toBe(
      'strategy.cheapest is provided by package "acme" and by package "other"',
    )
  })

  it('looks for a program last, for what nobody else has', async () => {
    const asked: string[] = []
    const tool = { name: 'tool', flags: {}, load: async () => {} }
    const registry = makeOpenRegistry(
      builtins,
      { list: async () => [plain('acme')], load: async () => acme },
      {
        async find(kind, name) {
          asked.push(`${kind}.${name}`)
          return name === 'tool' ? { source: 'program tool', load: async () => tool } : undefined
        },
        close: async () => {},
      },
    )
    expect(await registry.find('strategy', 'cheapest')).toBe(true)
    expect(await registry.load('strategy', 'spread')).toBe(spread)
    expect(asked).toEqual([])
    expect(await registry.find('driver', 'tool')).toBe(true)
    expect(await registry.load('driver', 'tool')).toBe(tool)
    expect(await registry.find('driver', 'other')).toBe(false)
    expect(await problem(() => registry.load('driver', 'other'))).toBe('there is no driver "other"')
    expect(asked).toEqual(['driver.tool', 'driver.tool', 'driver.other', 'driver.other'])
  })

  it('tries again after a package could not be loaded', async () => {
    const exported: Record<string, unknown> = {}
    const { registry } = openRegistry([plain('acme')], exported)
    expect(await problem(() => registry.find('strategy', 'cheapest'))).toBe('no acme')
    exported['acme'] = acme
    expect(await registry.find('strategy', 'cheapest')).toBe(true)
  })
})

describe('the list of packages', () => {
  it('is read from names, paths and objects; other members are left alone', () => {
    const text =
      '{"other": 1, "plugins": ["flotilla-discovery-dns", "./mine", {"name": "x", "replace": true}, {"name": "y"}]}'
    expect(parsePluginConfig(text, '/c')).toEqual([
      plain('flotilla-discovery-dns'),
      plain('./mine'),
      replacing('x'),
      plain('y'),
    ])
    expect(parsePluginConfig('{}', '/c')).toEqual([])
  })

  it.each([
    ['[]', 'configuration "/c": it is not a JSON object'],
    ['{"plugins": {}}', 'configuration "/c": "plugins" is not a list'],
    ['{"plugins": ["a", 1]}', 'configuration "/c": plugins[1] is neither a name nor an object'],
    ['{"plugins": [{"replace": true}]}', 'configuration "/c": plugins[0] has no "name"'],
    [
      '{"plugins": [{"name": "a", "replace": "yes"}]}',
      'configuration "/c": plugins[0] has a "replace" that is neither true nor false',
    ],
    ['{"plugins": ["a", "a"]}', 'configuration "/c": plug-in "a" is listed twice'],
  ])('%s is refused', async (text, expected) => {
    expect(await problem(() => parsePluginConfig(text, '/c'))).toBe(expected)
  })

  it('that is no JSON is refused', async () => {
    expect(await problem(() => parsePluginConfig('{', '/c'))).toMatch(/^configuration "\/c": it is not JSON: /)
  })
})
