import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../testing/endpoint-bed.ts'
import { parseTarget } from './target.ts'

/** Requests as nobody should send them: bodies and paths. Framing is tested with `http1/`. */

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{ images: ['box:1'] }])
})
afterAll(() => bed.close())

describe('bodies', () => {
  it.each([
    ['nothing at all', '', 404],
    ['null', 'null', 400],
    ['a list', '[]', 400],
    ['a text', '"x"', 400],
    ['half an object', '{"Image":', 400],
    ['two values', '{} {}', 400],
    ['a number that is none', '{"HostConfig":{"Memory":01}}', 400],
    ['a negative amount', '{"Image":"box:1","HostConfig":{"Memory":-1}}', 400],
    ['an amount that is a text', '{"Image":"box:1","HostConfig":{"Memory":"1"}}', 400],
    ['an amount beyond 64 bits', '{"Image":"box:1","HostConfig":{"Memory":1e30}}', 400],
    ['lists 100,000 deep', '['.repeat(100_000), 400],
    ['maps 100,000 deep', '{"a":'.repeat(100_000), 400],
    ['five megabytes', ' '.repeat(5 * 1024 * 1024), 413],
  ])('create with %s: %s', async (_, body, status) => {
    const answer = await bed.call('POST', '/v1.41/containers/create', body)
    expect(answer.status, answer.body).toBe(status)
    expect(answer.body).toMatch(/^\{"message":".+"\}\n$/)
  })

  it('of a key given twice the engine sees the value that was looked at; odd keys are just names', async () => {
    const body =
      '{"Image":"none","Image":"box:1","__proto__":{"Image":"none"},"Labels":{"__proto__":"a","constructor":"b"}}'
    const answer = await bed.call('POST', '/v1.41/containers/create?name=twice', body)
    expect(answer.status, answer.body).toBe(201)
    const made = [...(bed.engines[0]?.state.containers.values() ?? [])].find((each) => each.name === 'twice')
    expect(made?.config.Image).toBe('box:1')
    expect(Object.prototype).not.toHaveProperty('Image')
  })

  it('64-bit numbers and fields nobody knows reach the engine as they were sent', async () => {
    const [engine] = bed.engines
    let seen = ''
    const path = '/v1.41/networks/create'
    engine?.fail({ path: /^\/networks\/create$/, times: 1, fault: { kind: 'status', status: 418, message: 'seen' } })
    seen = (await bed.call('POST', path, '{"Name":"a","Future":9223372036854775807}')).body
    expect(seen).toBe('{"message":"seen"}\n')
  })
})

describe('paths', () => {
  it.each([
    '/containers//json',
    '/containers/./json',
    '/containers/a/../json',
    '/containers/%2e%2e/json',
    '/containers/%2e/json',
    '/containers/a%00/json',
    '/containers/a%0d%0aX/json',
    '/containers/%ff/json',
    '/containers/%zz/json',
    '/containers/a%2f%2fb/json',
    '/v99999999999.1/info',
    '/v1.41.1/info',
    'relative',
    '/a?b#c',
    '/a?\u00e9',
    '/a\\b',
  ])('%j is refused as ambiguous', (target) => {
    expect(() => parseTarget(target)).toThrow(expect.objectContaining({ status: 400 }) as Error)
  })

  it('the one reading of a path is what routes and engines get', () => {
    expect(parseTarget('http://host:1/v1.41/containers/a%2Fb/json?x=1&x=2+3%20')).toEqual({
      version: '1.41',
      path: '/containers/a/b/json',
      query: 'x=1&x=2+3%20',
    })
    // A second version is a name like any other.
    expect(parseTarget('/v1.41/v1.41/info').path).toBe('/v1.41/info')
  })
})
