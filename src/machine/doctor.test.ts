import { expect, it } from 'vitest'
import { hostPart } from './doctor.ts'

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:2376', '192.0.2.1'],
  ['h.example:2376', 'h.example'],
  ['2001:db8::10', '2001:db8::10'],
  ['[2001:db8::10]:2376', '2001:db8::10'],
  ['', ''],
])('the host of the address %j is %j', (address, host) => {
  expect(hostPart(address)).toBe(host)
})
