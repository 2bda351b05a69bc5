import { afterAll, beforeAll, expect, it } from 'vitest'
import { FlotillaError } from '../../../core/errors.ts'
import type { Log } from '../../../core/log.ts'
import { ask, startEndpointBed, startManagerOver } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import { eventually } from '../../../testing/manager-bed.ts'
import { memoryRecords } from '../../reschedule/record-store.ts'

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

it('a store that is silent is said to be, and is no mistake of the manager, for its log', async () => {
  const errors: string[] = []
  const log: Log = { debug() {}, info() {}, warn() {}, error: (message) => void errors.push(message) }
  const silent = new FlotillaError('core/deadline', 'etcd 10.0.0.1:2379 did not answer within 5000 ms')
  const records = { ...memoryRecords(), write: () => Promise.reject(silent) }
  const endpoint = await startManagerOver(bed.engines, { log, records })
  try {
    await eventually(() => endpoint.cluster.healthyMembers().length === 2, 'the engines')
    const port = Number(new URL(endpoint.addresses[0] ?? '').port)
    const answer = await ask(port, 'POST', '/flotilla/nodes/n1/drain', {})
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      503,
      { message: 'cannot write down what was asked for: etcd 10.0.0.1:2379 did not answer within 5000 ms' },
    ])
    expect(errors).toEqual([])
  } finally {
    endpoint.closeNow()
  }
})
