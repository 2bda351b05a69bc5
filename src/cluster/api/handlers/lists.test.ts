import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{ images: ['busybox'] }, { images: ['busybox'] }])
})
afterAll(() => bed.close())

describe('the container list', () => {
  it('refuses a limit that is no number', async () => {
    const answer = await bed.call('GET', '/containers/json?limit=few')
    expect([answer.status, answer.body]).toEqual([400, '{"message":"invalid value \\"few\\" for limit"}\n'])
    expect((await bed.call('GET', '/containers/json?limit=-1')).status).toBe(200)
  })
})
