import { assert, constantFrom, dictionary, oneof, property, array, integer } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeTrees } from './merge.ts'
import { NodeBudget } from './budget.ts'
import { parseYaml } from './parse.ts'
import { Places } from './place.ts'
import { isMap, makeMap } from './tree.ts'
import type { Tree, TreeMap } from './tree.ts'
import { enforceUnique } from './unique.ts'

function parse(text: string, places = new Places()): TreeMap {
  const [document] = parseYaml(text, { path: '/c.yml', places, budget: new NodeBudget(10_000), maxDepth: 100 })
  return document?.tree as TreeMap
}

/** One field of one service, merged and made unique. */
function merge(field: string, base: string, over: string): unknown {
  const places = new Places()
  const wrap = (value: string): TreeMap => parse(`services: {a: {${field}: ${value}}}`, places)
  const merged = mergeTrees(wrap(base), wrap(over), places)
  enforceUnique(merged, places)
  const service = (merged['services'] as TreeMap)['a'] as TreeMap
  return JSON.parse(JSON.stringify(service[field]))
}

describe('rules', () => {
  it.each<[string, string, string, unknown]>([
    ['image', 'a', 'b', 'b'],
    ['image', 'a', '~', 'a'],
    ['command', '[a, b]', 'c', 'c'],
    ['command', 'a', '~', null],
    ['entrypoint', '[a]', '[b]', ['b']],
    ['environment', '{A: 1, B: 2, N: }', '[A=9, C=3]', ['A=9', 'B=2', 'N', 'C=3']],
    ['labels', '[a=1, b]', '{b: 2}', ['a=1', 'b=2']],
    ['ports', '["80:80"]', '["80:80", "81"]', ['80:80', '81']],
    ['volumes', '["va:/d", "/x"]', '["wa:/d:ro"]', ['wa:/d:ro', '/x']],
    ['devices', '["/dev/a:/dev/x"]', '["/dev/b:/dev/x"]', ['/dev/b:/dev/x']],
    ['secrets', '[s]', '[{source: t, target: /run/secrets/s}]', [{ source: 't', target: '/run/secrets/s' }]],
    ['expose', '["1", 2]', '[2, 3]', ['1', 2, 3]],
    ['dns', '1.1.1.1', '[2.2.2.2]', ['1.1.1.1', '2.2.2.2']],
    ['env_file', 'a.env', '[{path: a.env, required: false}, b.env]', [{ path: 'a.env', required: false }, 'b.env']],
    ['extra_hosts', '["h=1.1.1.1"]', '{h: 2.2.2.2}', ['h=1.1.1.1', 'h=2.2.2.2']],
    ['security_opt', '[a]', '[b]', ['a', 'b']],
    ['build', './x', '{target: t}', { context: './x', target: 't' }],
    ['networks', '[n]', '{n: {aliases: [z]}, m: }', { n: { aliases: ['z'] }, m: null }],
    ['depends_on', '[b]', '{b: {condition: service_healthy}}', { b: { condition: 'service_healthy', required: true } }],
    ['logging', '{driver: d, options: {a: 1}}', '{options: {b: 2}}', { driver: 'd', options: { a: 1, b: 2 } }],
    ['logging', '{driver: d, options: {a: 1}}', '{driver: e}', { driver: 'e' }],
    ['ulimits', '{n: {soft: 1, hard: 2}}', '{n: 5}', { n: 5 }],
    ['healthcheck', '{test: a, retries: 3}', '{test: [b]}', { test: ['b'], retries: 3 }],
    ['x-list', '[1]', '[2]', [1, 2]],
  ])('%s: %s under %s', (field, base, over, expected) => {
    expect(merge(field, base, over)).toEqual(expected)
  })

  it('address pools are matched by subnet', () => {
    const places = new Places()
    const wrap = (pools: string): TreeMap => parse(`networks: {n: {ipam: {config: ${pools}}}}`, places)
    const merged = mergeTrees(
      wrap('[{subnet: a, gateway: g}, {subnet: b}]'),
      wrap('[{subnet: c}, {subnet: b, gateway: h}]'),
      places,
    )
    expect(JSON.parse(JSON.stringify(merged))).toEqual({
      networks: {
        n: { ipam: { config: [{ subnet: 'a', gateway: 'g' }, { subnet: 'b', gateway: 'h' }, { subnet: 'c' }] } },
      },
    })
  })

  it('a map cannot take the place of a list', () => {
    expect(() => merge('cap_add', '[a]', '{b: 1}')).toThrow('cannot override services.a.cap_add')
  })
})

describe('laws', () => {
  const name = constantFrom('a', 'b', 'c', '__proto__')
  const scalar = oneof(integer({ min: 0, max: 9 }), constantFrom('x', 'y'))
  // Below `x-…` the general rules hold; each name has one kind of value, as in real files.
  const layer = dictionary(constantFrom('m', 'n'), dictionary(name, scalar)).map((maps) => ({ maps, list: [1] }))
  const lists = array(integer({ min: 0, max: 3 }), { maxLength: 4 })

  function toTree(value: unknown): Tree {
    if (Array.isArray(value)) return value.map(toTree)
    if (typeof value !== 'object' || value === null) return value as Tree
    const made = makeMap()
    for (const [key, held] of Object.entries(value)) made[key] = toTree(held)
    return made
  }

  const join = (...layers: readonly unknown[]): string => {
    const places = new Places()
    let merged = makeMap()
    for (const one of layers) merged = mergeTrees(merged, toTree({ 'x-l': one }) as TreeMap, places)
    return JSON.stringify(sortKeys(merged))
  }

  function sortKeys(tree: Tree): Tree {
    if (Array.isArray(tree)) return tree.map(sortKeys)
    if (!isMap(tree)) return tree
    const made = makeMap()
    for (const key of Object.keys(tree).sort()) made[key] = sortKeys(tree[key] ?? null)
    return made
  }

  it('an empty file changes nothing', () => {
    assert(
      property(layer, (one) => {
        const places = new Places()
        const tree = toTree({ 'x-l': one }) as TreeMap
        expect(JSON.stringify(sortKeys(mergeTrees(tree, makeMap(), places)))).toBe(join(one))
      }),
    )
  })

  it('merging is associative', () => {
    assert(
      property(layer, layer, layer, (one, two, three) => {
        const places = new Places()
        const wrap = (value: unknown): TreeMap => toTree({ 'x-l': value }) as TreeMap
        const right = mergeTrees(wrap(two), wrap(three), places)
        expect(JSON.stringify(sortKeys(mergeTrees(wrap(one), right, places)))).toBe(join(one, two, three))
      }),
    )
  })

  it('the last file that says something wins', () => {
    assert(
      property(scalar, scalar, (one, two) => {
        expect(join({ k: one }, { k: two })).toBe(join({ k: two }))
      }),
    )
  })

  it('lists keep the order of the files', () => {
    assert(
      property(lists, lists, (one, two) => {
        expect(join({ l: one }, { l: two })).toBe(JSON.stringify({ 'x-l': { l: [...one, ...two] } }))
      }),
    )
  })
})
