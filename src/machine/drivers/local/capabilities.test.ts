import { expect, it } from 'vitest'
import { findCpuLack } from './capabilities.ts'

it.each([
  ['', '0-1\n', false],
  ['0-1', '0-1', false],
  ['0,3', '0-1,3-7', false],
  ['1', '0-3', false],
  ['99', '0-1', true],
  ['0-2', '0-1,3', true],
  ['0,4', '0-3', true],
])('CPUs %j of a computer that has %j', (wanted, present, isLacking) => {
  const remedy = `choose among ${present.trim()} with --local-cpus`
  expect(findCpuLack(wanted, present)).toEqual(isLacking ? { what: `some of the CPUs ${wanted}`, remedy } : undefined)
})
