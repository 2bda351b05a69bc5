import { describe, expect, it } from 'vitest'
import { renderTree } from '../model/render/project.ts'
import { parseYaml } from './parse.ts'
import { NodeBudget } from './budget.ts'
import { Places } from './place.ts'
import { renderScalar } from './plain.ts'

/** What docker-compose 2.40 printed: in YAML, and in JSON of `--no-interpolate`. */
const printed: readonly (readonly [written: string, yaml: string, json: string])[] = [
  ['12345678901234567890', '12345678901234567890', '12345678901234567890'],
  ['9007199254740993', '9007199254740993', '9007199254740993'],
  ['18446744073709551616', '1.8446744073709552e+19', '18446744073709552000'],
  ['100000000.0', '1e+08', '100000000'],
  ['1e20', '1e+20', '100000000000000000000'],
  ['1e21', '1e+21', '1e+21'],
  ['1.0', '1', '1'],
  ['-0.0', '-0', '-0'],
  ['!!float 100000000', '1e+08', '100000000'],
  ['2020-1-1', '2020-01-01T00:00:00Z', '"2020-01-01T00:00:00Z"'],
  ['2020-01-01T00:00:00.50Z', '2020-01-01T00:00:00.5Z', '"2020-01-01T00:00:00.5Z"'],
  ['2020-01-01 10:00:00', '2020-01-01T10:00:00Z', '"2020-01-01T10:00:00Z"'],
  ['2020-01-01t10:00:00+02:00', '2020-01-01T10:00:00+02:00', '"2020-01-01T10:00:00+02:00"'],
  ['"2020-01-01"', '"2020-01-01"', '"2020-01-01"'],
  ['!!binary aGk=', 'hi', '"hi"'],
]

describe('a plain scalar', () => {
  it.each(printed)('%s is printed as %s, and as %s in JSON', (written, yaml, json) => {
    const context = { path: '/p/c.yml', places: new Places(), budget: new NodeBudget(100), maxDepth: 10 }
    const tree = parseYaml(`x-v: ${written}`, context)[0]?.tree
    expect(renderTree(tree, 'yaml')).toBe(`x-v: ${yaml}\n`)
    expect(renderTree(tree, 'json')).toBe(`{\n  "x-v": ${json}\n}`)
  })

  it('that is less than nothing by its sign alone keeps the sign as text', () => {
    expect(renderScalar(-0)).toBe('-0')
  })
})
