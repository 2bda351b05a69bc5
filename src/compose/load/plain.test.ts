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
  ['! 3', '3', '3'],
  ['! "3"', '"3"', '"3"'],
  ['!!int "3"', '3', '3'],
  ['!!float 3', '3', '3'],
  ['!!bool TRUE', 'true', 'true'],
  ['!!null ~', 'null', 'null'],
  ['!!timestamp "2001-01-01"', '2001-01-01T00:00:00Z', '"2001-01-01T00:00:00Z"'],
  // Texts that are no numbers after all, and no dates.
  ['0xffffffffffffffffff', '0xffffffffffffffffff', '"0xffffffffffffffffff"'],
  ['-0x8000000000000001', '-0x8000000000000001', '"-0x8000000000000001"'],
  ['1e999', '1e999', '"1e999"'],
  ['.e5', '.e5', '".e5"'],
  ['2020-13-45', '2020-13-45', '"2020-13-45"'],
  ['2020-01-01T', '2020-01-01T', '"2020-01-01T"'],
  ['"a\\Nb"', '"a\\Nb"', '"a\u0085b"'],
]

/** What docker-compose 2.40 says of scalars that are not what their tags say. */
const mismatched: readonly (readonly [written: string, reason: string])[] = [
  ['!!bool yes', 'cannot decode !!str `yes` as a !!bool'],
  ['!!bool 1', 'cannot decode !!int `1` as a !!bool'],
  ['!!bool ""', 'cannot decode !!null `` as a !!bool'],
  ['!!int 3.0', 'cannot decode !!float `3.0` as a !!int'],
  ['!!int .inf', 'cannot decode !!float `.inf` as a !!int'],
  ['!!float x', 'cannot decode !!str `x` as a !!float'],
  ['!!float 2001-01-01', 'cannot decode !!str `2001-01-01` as a !!float'],
  ['!!null 3', 'cannot decode !!int `3` as a !!null'],
  ['!!timestamp x', 'cannot decode !!str `x` as a !!timestamp'],
  ['!!binary "!"', '!!binary value contains invalid base64 data'],
]

describe('a plain scalar', () => {
  it.each(printed)('%s is printed as %s, and as %s in JSON', (written, yaml, json) => {
    const context = { path: '/p/c.yml', places: new Places(), budget: new NodeBudget(100), maxDepth: 10 }
    const tree = parseYaml(`x-v: ${written}`, context)[0]?.tree
    expect(renderTree(tree, 'yaml')).toBe(`x-v: ${yaml}\n`)
    expect(renderTree(tree, 'json')).toBe(`{\n  "x-v": ${json}\n}`)
  })

  it.each(mismatched)('%s is refused', (written, reason) => {
    const context = { path: '/p/c.yml', places: new Places(), budget: new NodeBudget(100), maxDepth: 10 }
    expect(() => parseYaml(`x-v: ${written}`, context)).toThrow(`failed to parse /p/c.yml: yaml: ${reason}`)
  })

  it('that is less than nothing by its sign alone keeps the sign as text', () => {
    expect(renderScalar(-0)).toBe('-0')
  })
})
