import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([
    { images: ['localhost:5000/app:1', 'other:1'] },
    { images: ['localhost:5000/app:1', 'localhost:5000/app:2'] },
  ])
})
afterAll(() => bed.close())

/** Nodes that were asked to push. */
function pushesOn(): readonly string[] {
  return bed.engines.flatMap((engine) =>
    engine.requests.filter((each) => each.path.endsWith('/push')).map(() => engine.state.options.name ?? ''),
  )
}

describe('a push', () => {
  it('of all tags goes to the engine that has the most of them; of one to an engine that has it', async () => {
    for (const engine of bed.engines) {
      engine.fail({ path: /push$/, fault: { kind: 'reply', status: 200, body: '{"status":"pushed"}' } })
    }
    expect((await bed.call('POST', '/images/localhost:5000/app/push')).status).toBe(200)
    expect(pushesOn()).toEqual(['n2'])
    expect((await bed.call('POST', '/images/localhost:5000/app/push?tag=2')).status).toBe(200)
    expect((await bed.call('POST', '/images/localhost:5000/app/push?tag=1')).status).toBe(200)
    expect(pushesOn()).toEqual(['n1', 'n2', 'n2'])
    expect((await bed.call('POST', '/images/nothing/push')).status).toBe(404)
  })
})
