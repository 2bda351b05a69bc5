import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{}, {}])
})
afterAll(() => bed.close())

describe('removing a volume', () => {
  it('that is not there is done by force, and refused without', async () => {
    expect((await bed.call('DELETE', '/volumes/nothing')).status).toBe(404)
    expect((await bed.call('DELETE', '/volumes/nothing?force=0')).status).toBe(404)
    expect((await bed.call('DELETE', '/volumes/nothing?force=1')).status).toBe(204)
  })

  it('that fails in different ways on two engines is a failure of the server', async () => {
    for (const [index, status] of [409, 403].entries()) {
      await bed.call('POST', '/volumes/create', { Name: 'data' })
      bed.engines[0]?.fail({ method: 'DELETE', times: 1, fault: { kind: 'status', status, message: 'no' } })
      bed.engines[1]?.fail({
        method: 'DELETE',
        times: 1,
        fault: { kind: 'status', status: index === 0 ? 409 : 500, message: 'no' },
      })
      const answer = await bed.call('DELETE', '/volumes/data')
      expect([answer.status, answer.body]).toEqual([index === 0 ? 409 : 500, '{"message":"n1: no\\nn2: no"}\n'])
    }
  })

  it('that one of its nodes has lost meanwhile is done; that none has any more is not', async () => {
    const lost = { method: 'DELETE', times: 1, fault: { kind: 'status', status: 404, message: 'gone' } } as const
    await bed.call('POST', '/volumes/create', { Name: 'lost' })
    bed.engines[1]?.fail(lost)
    expect((await bed.call('DELETE', '/volumes/lost')).status).toBe(204)
    await bed.call('POST', '/volumes/create', { Name: 'lost' })
    for (const engine of bed.engines) engine.fail(lost)
    expect((await bed.call('DELETE', '/volumes/lost')).status).toBe(404)
  })
})
