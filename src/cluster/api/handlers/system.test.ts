import { afterEach, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import { eventually } from '../../../testing/manager-bed.ts'

let bed: EndpointBed | undefined
afterEach(async () => {
  await bed?.close()
})

describe('disk usage', () => {
  it('of an engine that does not tell is left out, with a warning that names it', async () => {
    bed = await startEndpointBed([{ images: ['busybox'] }, { images: ['busybox'] }])
    const tells = { path: /^\/system\/df$/, fault: { kind: 'reply', body: '{"LayersSize":1}' } } as const
    const [first, second] = bed.engines
    first?.fail(tells)
    const stop = second?.fail(tells)
    const whole = await bed.call('GET', '/system/df')
    expect([whole.status, whole.headers['warning']]).toEqual([200, undefined])
    stop?.()
    second?.fail({ path: /^\/system\/df$/, fault: { kind: 'status', status: 500, message: 'not now' } })
    const part = await bed.call('GET', '/system/df')
    expect([part.status, part.headers['warning']]).toEqual([200, '199 - "no disk usage from n2"'])
    await second?.stop()
    await eventually(() => bed?.endpoint.cluster.healthyMembers().length === 1, 'the end of the engine to be seen')
    expect((await bed.call('GET', '/system/df')).headers['warning']).toBe('199 - "no disk usage from n2"')
  })

  it('of a kind that does not exist is refused where clients may name one', async () => {
    bed = await startEndpointBed([{}])
    const answer = await bed.call('GET', '/v1.44/system/df?type=container&type=bogus')
    expect([answer.status, answer.body]).toEqual([400, '{"message":"unknown object type: bogus"}\n'])
    expect((await bed.call('GET', '/v1.41/system/df?type=bogus')).status).toBe(200)
  })
})

it('/info tells the drivers of the engines', async () => {
  bed = await startEndpointBed([{}, {}])
  expect(JSON.parse((await bed.call('GET', '/info')).body)).toMatchObject({
    Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'null'], Authorization: [], Log: ['json-file'] },
    MemoryLimit: true,
    OomKillDisable: true,
  })
})
