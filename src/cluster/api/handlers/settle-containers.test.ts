import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{ images: ['box:1'] }, { images: ['box:1'] }])
})
afterAll(() => bed.close())

describe('a create that uses another container', () => {
  it('may name it with its node, and goes there; the engine is given the bare name', async () => {
    const Env = ['constraint:node==n2']
    expect((await bed.call('POST', '/containers/create?name=data', { Image: 'box:1', Env })).status).toBe(201)
    const hostConfigs = [
      { VolumesFrom: ['n2/data:ro'] },
      { Links: ['/n2/data:db', 'data:other'] },
      { NetworkMode: 'container:n2/data', PidMode: 'container:n2/data' },
      { VolumesFrom: ['data'], IpcMode: 'container:/n2/data' },
    ]
    const seen: unknown[] = []
    for (const [index, HostConfig] of hostConfigs.entries()) {
      const made = await bed.call('POST', `/containers/create?name=user${index}`, { Image: 'box:1', HostConfig })
      expect([made.status, made.body]).toMatchObject([201, expect.stringContaining('Id')])
      const on = bed.engines.flatMap((engine) =>
        [...engine.state.containers.values()]
          .filter((each) => each.name === `user${index}`)
          .map((each) => [engine.state.options.name, each.hostConfig]),
      )
      seen.push(...on)
    }
    expect(seen).toMatchObject([
      ['n2', { VolumesFrom: ['data:ro'] }],
      ['n2', { Links: ['data:db', 'data:other'] }],
      ['n2', { NetworkMode: 'container:data', PidMode: 'container:data' }],
      ['n2', { VolumesFrom: ['data'], IpcMode: 'container:data' }],
    ])
  })
})
