import process from 'node:process'
import { afterEach, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../testing/endpoint-bed.ts'

describe('a request that asks every engine', () => {
  let bed: EndpointBed | undefined
  const warnings: Error[] = []
  const note = (warning: Error): void => void warnings.push(warning)

  afterEach(async () => {
    process.off('warning', note)
    await bed?.close()
  })

  it('of more than ten leaves no warning of the runtime in the log of the manager', async () => {
    bed = await startEndpointBed(Array.from({ length: 14 }, () => ({})))
    process.on('warning', note)
    for (const [method, path] of [
      ['GET', '/system/df'],
      ['POST', '/containers/prune'],
      ['POST', '/images/create?fromImage=busybox&tag=latest'],
    ] as const) {
      expect([path, (await bed.call(method, path)).status]).toEqual([path, 200])
    }
    // Warnings are emitted in a later turn.
    await new Promise((resolve) => setImmediate(resolve))
    expect(warnings).toEqual([])
  })
})
