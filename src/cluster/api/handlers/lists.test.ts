import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{ images: ['busybox'] }, { images: ['busybox'] }])
})
afterAll(() => bed.close())

describe('the image list', () => {
  it('says how many containers use an image from 1.51 on', async () => {
    const used = async (version: string): Promise<unknown> => {
      const rows = JSON.parse((await bed.call('GET', `/${version}/images/json`)).body) as readonly object[]
      return rows.map((row) => ('Containers' in row ? row.Containers : undefined))
    }
    await bed.call('POST', '/containers/create', { Image: 'busybox' })
    await bed.call('POST', '/containers/create', { Image: 'busybox' })
    expect(await used('v1.51')).toEqual([2])
    expect(await used('v1.50')).toEqual([-1])
  })
})

describe('the container list', () => {
  it('refuses a limit that is no number', async () => {
    const answer = await bed.call('GET', '/containers/json?limit=few')
    expect([answer.status, answer.body]).toEqual([400, '{"message":"invalid value \\"few\\" for limit"}\n'])
    expect((await bed.call('GET', '/containers/json?limit=-1')).status).toBe(200)
  })
})
