import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

/** One engine of 20.10, one whose minimum is above what that speaks: no version is common to both. */
let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([
    { images: ['box:1'], apiVersion: '1.41', minApiVersion: '1.12' },
    { images: ['box:1', 'new:1'], apiVersion: '1.52', minApiVersion: '1.44', serverVersion: '29.0.0' },
  ])
})
afterAll(() => bed.close())

function versionsAsked(path: RegExp): readonly (readonly string[])[] {
  return bed.engines.map((engine) =>
    engine.requests.filter(({ path: each }) => path.test(each)).map(({ version }) => version),
  )
}

describe('a fleet without a common version', () => {
  it('tells every client a version it can live with', async () => {
    const told = async (agent: string): Promise<unknown> =>
      (await bed.call('GET', '/_ping', undefined, { 'user-agent': agent })).headers['api-version']
    expect([await told('Docker-Client/20.10.24 (linux)'), await told('docker-sdk-python/5.0.3')]).toEqual([
      '1.41',
      '1.41',
    ])
    expect(await told('Docker-Client/29.1.3 (linux)')).toBe('1.44')
    const version = await bed.call('GET', '/version', undefined, { 'user-agent': 'Docker-Client/29.1.3 (linux)' })
    expect(JSON.parse(version.body)).toMatchObject({ ApiVersion: '1.44', MinAPIVersion: '1.24' })
  })

  it.each(['/v1.24', '/v1.41', '/v1.44', '/v1.52', '/v1.60', ''])(
    'creates, shows and removes for %j',
    async (version) => {
      for (const [node, spoken] of [
        ['n1', ['', '1.24', '1.41']],
        ['n2', ['', '1.44', '1.52']],
      ] as const) {
        const body = { Image: 'box:1', Env: [`constraint:node==${node}`] }
        const made = await bed.call('POST', `${version}/containers/create?name=${node}`, body)
        expect([made.status, made.body.includes('message')], made.body).toEqual([201, false])
        expect((await bed.call('GET', `${version}/containers/${node}/json`)).status).toBe(200)
        expect((await bed.call('DELETE', `${version}/containers/${node}`)).status).toBe(204)
        const asked = versionsAsked(/^\/containers\/create$/)[Number(node.slice(1)) - 1]
        expect(
          asked?.every((each) => (spoken as readonly string[]).includes(each)),
          String(asked),
        ).toBe(true)
      }
    },
  )

  it('an engine that takes one network at create joins the others afterwards; one that cannot leaves nothing', async () => {
    for (const name of ['n1/first', 'n1/second']) await bed.call('POST', '/v1.52/networks/create', { Name: name })
    const body = (...names: readonly string[]): unknown => ({
      Image: 'box:1',
      HostConfig: { NetworkMode: 'first' },
      NetworkingConfig: { EndpointsConfig: Object.fromEntries(names.map((name) => [name, {}])) },
    })
    const made = await bed.call('POST', '/v1.52/containers/create?name=both', body('second', 'first'))
    expect(made.status, made.body).toBe(201)
    const [engine] = bed.engines
    expect([...(engine?.state.containers.values().next().value?.networks.keys() ?? [])]).toEqual(['first', 'second'])
    await bed.call('DELETE', '/containers/both')
    engine?.fail({ path: /connect$/, times: 1, fault: { kind: 'status', status: 403, message: 'no more addresses' } })
    const refused = await bed.call('POST', '/v1.52/containers/create?name=both', body('first', 'second'))
    expect([refused.status, refused.body]).toEqual([403, '{"message":"no more addresses"}\n'])
    expect(engine?.state.containers.size).toBe(0)
  })

  it('what an older engine cannot do is said in the reply’s warnings', async () => {
    const body = {
      Image: 'box:1',
      Env: ['constraint:node==n1'],
      Healthcheck: { Test: ['CMD', 'true'], StartInterval: 1_000_000_000 },
    }
    const made = await bed.call('POST', '/v1.52/containers/create', body)
    expect((JSON.parse(made.body) as { Warnings: unknown }).Warnings).toEqual([
      'Healthcheck.StartInterval was left out: it needs API version 1.44, and node n1 speaks 1.41',
    ])
  })

  it('old clients find the size of images under its old name', async () => {
    const sizes = async (path: string): Promise<unknown> => {
      const value = JSON.parse((await bed.call('GET', path)).body) as Record<string, unknown>[]
      return [value].flat().every((row) => typeof row['VirtualSize'] === 'number')
    }
    expect(await sizes('/v1.41/images/json')).toBe(true)
    expect(await sizes('/v1.41/images/new:1/json')).toBe(true)
    expect(await sizes('/v1.44/images/new:1/json')).toBe(false)
  })
})
