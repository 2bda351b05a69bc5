import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{}, {}])
})
afterAll(() => bed.close())

describe('the networks that every engine has', () => {
  it.each(['bridge', 'host', 'none'])('%s is neither made nor removed', async (name) => {
    const made = await bed.call('POST', '/networks/create', { Name: name })
    const notMade = `{"message":"operation is not permitted on predefined ${name} network"}\n`
    expect([made.status, made.body]).toEqual([403, notMade])
    const gone = await bed.call('DELETE', `/networks/${name}`)
    const notGone = `{"message":"${name} is a pre-defined network and cannot be removed"}\n`
    expect([gone.status, gone.body]).toEqual([403, notGone])
  })
})
