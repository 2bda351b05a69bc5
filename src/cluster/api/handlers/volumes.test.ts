import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, startEndpointBed, startManagerOver } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../../testing/fake-engine/fake-engine.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{}, {}])
})
afterAll(() => bed.close())

describe('making a volume', () => {
  it('without a name makes an anonymous one, the same on all nodes', async () => {
    const made = await bed.call('POST', '/volumes/create', { Labels: { a: 'b' } })
    const { Name, Labels } = JSON.parse(made.body) as { readonly Name: string; readonly Labels: unknown }
    expect(Labels).toEqual({ a: 'b', 'com.docker.volume.anonymous': '' })
    // Copies that differ would be a row each, with the node in the name.
    const listed = JSON.parse((await bed.call('GET', '/volumes')).body) as { readonly Volumes: unknown }
    expect(listed.Volumes).toMatchObject([{ Name, Labels }])
  })

  it('with a field of a wrong type is refused, and none is made', async () => {
    const answer = await bed.call('POST', '/volumes/create', { Name: 5 })
    expect([answer.status, answer.body]).toEqual([400, '{"message":"invalid value for Name: must be a text"}\n'])
    const wrong = await bed.call('POST', '/volumes/create', { Name: 'v', Labels: { a: 1 } })
    expect([wrong.status, wrong.body]).toEqual([400, '{"message":"invalid value for Labels.a: must be a text"}\n'])
  })
})

describe('changing a volume', () => {
  const path = '/v1.42/volumes/data?version=3'

  it('is refused in an engine’s words where there is no swarm: volumes of nodes cannot be changed', async () => {
    const { status, body } = await bed.call('PUT', path, { Spec: {} })
    const message = 'volume update only valid for cluster volumes, but swarm is unavailable'
    expect([status, body]).toEqual([503, `{"message":"${message}"}\n`])
  })

  it('is asked of a manager of the engines’ swarm', async () => {
    const engine = await startFakeEngine({ name: 'n1' })
    const enginePort = engine.endpoint.kind === 'tcp' ? engine.endpoint.port : 0
    const info = JSON.parse((await ask(enginePort, 'GET', '/info')).body) as object
    const swarm = { LocalNodeState: 'active', ControlAvailable: true }
    engine.fail({
      path: /info$/,
      fault: { kind: 'reply', status: 200, body: JSON.stringify({ ...info, Swarm: swarm }) },
    })
    engine.fail({ method: 'PUT', fault: { kind: 'reply', status: 200, body: '' } })
    const manager = await startManagerOver([engine])
    try {
      await expect.poll(() => manager.cluster.healthyMembers()[0]?.view.swarmRole).toBe('manager')
      const port = Number(new URL(manager.addresses[0] ?? '').port)
      expect((await ask(port, 'PUT', path, {})).status).toBe(200)
      expect(engine.requests.findLast(({ method }) => method === 'PUT')).toMatchObject({
        path: '/volumes/data',
        query: { version: '3' },
      })
    } finally {
      manager.closeNow()
      await engine.stop()
    }
  })
})

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
