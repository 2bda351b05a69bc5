import { afterAll, beforeAll, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import { eventually } from '../../../testing/manager-bed.ts'

/** What is on a node that does not answer is refused by its name, without asking it. */

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{}, {}])
  for (const name of ['n2/lone', 'both'])
    expect((await bed.call('POST', '/volumes/create', { Name: name })).status).toBe(201)
  expect((await bed.call('POST', '/networks/create', { Name: 'n2/net' })).status).toBe(201)
  await bed.engines[1]?.stop()
  await eventually(() => bed.endpoint.cluster.healthyMembers().length === 1, 'the end of the second engine to be seen')
})
afterAll(() => bed.close())

it.each([
  ['GET', '/volumes/lone', undefined, 'Volume lone is on unhealthy node n2'],
  ['GET', '/volumes/n2/both', undefined, 'Volume n2/both is on unhealthy node n2'],
  ['DELETE', '/volumes/lone', undefined, 'n2: Volume lone is on an unhealthy node'],
  ['POST', '/volumes/create', { Name: 'n2/new' }, 'Volume new cannot be made on unhealthy node n2'],
  ['POST', '/networks/create', { Name: 'n2/new' }, 'Network new cannot be made on unhealthy node n2'],
  ['GET', '/networks/net', undefined, 'Network net is on unhealthy node n2'],
])('%s %s', async (method, path, body, message) => {
  const answer = await bed.call(method, path, body)
  expect([answer.status, answer.headers['x-request-id'], JSON.parse(answer.body)]).toEqual([
    500,
    undefined,
    { message },
  ])
})

it('a volume that an engine in service has, too, is shown, and taken away there', async () => {
  expect((await bed.call('GET', '/volumes/both')).status).toBe(200)
  const answer = await bed.call('DELETE', '/volumes/both')
  expect([answer.status, answer.body]).toEqual([500, '{"message":"n2: Volume both is on an unhealthy node"}\n'])
  expect((await bed.call('GET', '/volumes/n1/both')).status).toBe(404)
})
