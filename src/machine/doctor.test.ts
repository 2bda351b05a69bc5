import { expect, it } from 'vitest'
import { makeHost } from '../../test/conformance/store.ts'
import { FlotillaError } from '../core/errors.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { examine, hostPart } from './doctor.ts'
import type { Driver } from './driver.ts'

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

it('a machine that its driver gives up is a failure with the reason', async () => {
  const driver: Partial<Driver> = {
    state: async () => 'Error',
    address: async () => '',
    ssh: () => undefined,
    engineUrl: async () => Promise.reject(new FlotillaError('machine/driver', 'its host is gone')),
  }
  const ctx = { clock: manualClock(), runShell: async () => undefined }
  expect(await examine(makeHost('web'), driver as Driver, ctx, {})).toEqual([
    { check: 'machine', severity: 'fail', detail: 'its host is gone' },
  ])
})
