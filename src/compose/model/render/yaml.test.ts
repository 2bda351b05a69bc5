import { expect, it } from 'vitest'
import { NumberText, float32Text } from './out.ts'
import { renderYaml } from './yaml.ts'

it.each([
  [0.5, '0.5'],
  [33.333333, '33.333333'],
  [0, '0'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [999_999, '999999'],
  [1_000_000, '1e+06'],
  [12_345_678, '1.2345678e+07'],
])('a fraction of %d is printed as %s, as Go prints floats', (value, text) => {
  expect(renderYaml(new Map([['cpus', new NumberText(float32Text(value))]]))).toBe(`cpus: ${text}\n`)
})
