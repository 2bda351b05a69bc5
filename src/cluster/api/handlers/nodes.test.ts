import { afterAll, beforeAll, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{}, {}])
})
afterAll(() => bed.close())

it.each([
  ['/flotilla/nodes/n1/drain', { Force: 'x' }, 'invalid value for Force: must be true or false'],
  ['/flotilla/rebalance', { Apply: 'yes' }, 'invalid value for Apply: must be true or false'],
  ['/flotilla/rebalance', { By: 'x' }, 'By must be containers or resources, not x'],
  ['/flotilla/rebalance', { By: 5 }, 'By must be containers or resources, not a number'],
  ['/flotilla/rebalance', { Threshold: 0 }, 'Threshold must be a number from 1 up'],
])('%s with %j is refused, and nothing is done', async (path, body, message) => {
  const answer = await bed.call('POST', path, body)
  expect([answer.status, JSON.parse(answer.body)]).toEqual([400, { message }])
  const node = JSON.parse((await bed.call('GET', '/flotilla/nodes/n1')).body) as { readonly Availability: string }
  expect(node.Availability).toBe('active')
})

it('what says nothing means no', async () => {
  const plan = await bed.call('POST', '/flotilla/rebalance', { Apply: null, By: '', Threshold: null })
  expect([plan.status, JSON.parse(plan.body)]).toMatchObject([200, { By: 'containers', Threshold: 1, Begun: 0 }])
})
