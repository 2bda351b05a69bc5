import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{}])
})
afterAll(() => bed.close())

describe('events', () => {
  it('with a filter that nobody knows are those without it, as on one engine', async () => {
    const filters = encodeURIComponent('{"bogus":["x"]}')
    expect((await bed.call('GET', `/events?until=1&filters=${filters}`)).status).toBe(200)
  })

  it('from a time after their end are refused', async () => {
    const answer = await bed.call('GET', '/events?since=10&until=1')
    const message = '{"message":"since time (10) cannot be after until time (1)"}\n'
    expect([answer.status, answer.body]).toEqual([400, message])
  })
})
