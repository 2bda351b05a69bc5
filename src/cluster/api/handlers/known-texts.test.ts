import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, startEndpointBed, startManagerOver } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import type { RunningEndpoint } from '../../endpoint.ts'

/** Answers that scripts written for classic Swarm look at. */
let bed: EndpointBed
let open: RunningEndpoint
beforeAll(async () => {
  bed = await startEndpointBed([{ images: ['busybox:latest'] }, { images: ['busybox:latest', 'tool:1'] }])
  open = await startManagerOver(bed.engines, { settings: { isCorsEnabled: true } })
})
afterAll(async () => {
  open.closeNow()
  await bed.close()
})

describe('what is not there', () => {
  it.each([
    ['GET', '/containers/none/json', 404, 'No such container none'],
    ['DELETE', '/containers/none', 404, 'Container none not found'],
    ['GET', '/images/none/json', 404, 'No such image: none'],
    ['GET', '/images/none/history', 404, 'No such image: none'],
    ['POST', '/images/none/tag?repo=x', 404, 'No such image: none'],
    ['DELETE', '/images/none', 404, 'No such image none'],
    [
      'GET',
      '/images/get?names=none&names=busybox',
      404,
      'Unable to find a healthy engine containing all images: [none busybox]',
    ],
    ['GET', `/exec/${'0'.repeat(64)}/json`, 404, `Exec ID ${'0'.repeat(64)} not found`],
    ['GET', '/images/viz', 501, 'Not supported in clustering mode.'],
    ['POST', '/build/cancel?id=none', 404, 'timeout waiting for build to start'],
  ])('%s %s is answered with %i, %s', async (method, path, status, message) => {
    const answer = await bed.call(method, path)
    expect([answer.status, (JSON.parse(answer.body) as { readonly message: string }).message]).toEqual([
      status,
      message,
    ])
  })
})

describe('/version', () => {
  it('is classic Swarm’s', async () => {
    expect(JSON.parse((await bed.call('GET', '/version')).body)).toMatchObject({
      Version: 'swarm/1.2.9',
      Platform: { Name: 'Docker Swarm - Community' },
      Os: 'linux',
      Experimental: false,
    })
  })
})

describe('web pages of other sites', () => {
  const allowed = {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': 'Origin, X-Requested-With, Content-Type, Accept',
    'access-control-allow-methods': 'GET, POST, DELETE, PUT, OPTIONS, HEAD',
  }

  it('are let in with --cors, also by the question beforehand', async () => {
    const port = Number(new URL(open.addresses[0] ?? '').port)
    for (const [method, path] of [
      ['OPTIONS', '/containers/json'],
      ['OPTIONS', '/v1.41/containers/create'],
      ['GET', '/_ping'],
      ['GET', '/containers/json'],
    ] as const) {
      const { status, headers } = await ask(port, method, path)
      expect([method, path, status]).toEqual([method, path, 200])
      expect(headers).toMatchObject(allowed)
    }
  })

  it('are not without it', async () => {
    expect((await bed.call('GET', '/containers/json')).headers).not.toHaveProperty('access-control-allow-origin')
    expect((await bed.call('OPTIONS', '/containers/json')).status).toBe(404)
  })
})

describe('an image for another system', () => {
  it('is looked for on nodes of that system, and what was missing is told', async () => {
    const message = 'image operating system "windows" cannot be used on this platform'
    const stops = bed.engines.map((engine) =>
      engine.fail({ path: /^\/containers\/create$/, fault: { kind: 'status', status: 500, message } }),
    )
    const { status, body } = await bed.call('POST', '/containers/create?name=win', { Image: 'busybox' })
    for (const stop of stops) stop()
    expect([status, JSON.parse(body)]).toEqual([
      500,
      { message: expect.stringContaining('[ostype==windows]') as string },
    ])
  })
})
