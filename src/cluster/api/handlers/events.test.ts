import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{ images: ['busybox:latest'] }])
})
afterAll(() => bed.close())

describe('events', () => {
  it('with a filter that nobody knows are those without it, as on one engine', async () => {
    const filters = encodeURIComponent('{"bogus":["x"]}')
    expect((await bed.call('GET', `/events?until=1&filters=${filters}`)).status).toBe(200)
  })

  it('until a time alone are those that engines remember from before it', async () => {
    const made = await bed.call('POST', '/containers/create?name=remembered', { Image: 'busybox:latest' })
    expect(made.status).toBe(201)
    const until = Math.ceil(Date.now() / 1000) + 1
    expect((await bed.call('GET', `/events?until=${until}`)).body).toContain('"name":"remembered"')
  })

  it.each([
    ['10', '1'],
    ['1700000000.123456789', '1700000000.000000001'],
    ['1m', '2h'],
    ['2023-11-14T22:13:20.123456789Z', '2023-11-14'],
  ])('from a time after their end (%s, %s) are refused, with both as they were given', async (since, until) => {
    const answer = await bed.call('GET', `/events?since=${since}&until=${until}`)
    const message = `\`since\` time (${since}) cannot be after \`until\` time (${until})`
    expect([answer.status, JSON.parse(answer.body)]).toEqual([400, { message }])
  })
})
