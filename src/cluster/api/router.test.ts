import { describe, expect, it } from 'vitest'
import { listRoutes } from './routes.ts'
import { Router } from './router.ts'
import { parseTarget, renderPath } from './target.ts'

const router = new Router<string>(
  listRoutes().map((route) => ({
    method: route.method,
    pattern: route.pattern,
    handler: `${route.method} ${route.pattern}`,
  })),
)

function find(line: string): string | undefined {
  const cut = line.indexOf(' ')
  const match = router.find(line.slice(0, cut), line.slice(cut + 1))
  return match === undefined ? undefined : `${match.handler} | ${match.name}`
}

describe('Router', () => {
  it.each([
    ['GET /containers/json', 'GET /containers/json | '],
    ['GET /containers/web/json', 'GET /containers/*/json | web'],
    ['GET /containers/node-1/web/json', 'GET /containers/*/json | node-1/web'],
    ['GET /containers/json/json', 'GET /containers/*/json | json'],
    ['GET /containers/a/attach/ws', 'GET /containers/*/attach/ws | a'],
    ['DELETE /containers/node-1/web', 'DELETE /containers/* | node-1/web'],
    ['DELETE /containers/json', 'DELETE /containers/* | json'],
    ['GET /images/registry:5000/team/app:1/json', 'GET /images/*/json | registry:5000/team/app:1'],
    ['GET /images/get', 'GET /images/get | '],
    ['GET /images/team/app:1/attestations', 'GET /images/*/attestations | team/app:1'],
    ['PUT /volumes/node-1/data', 'PUT /volumes/* | node-1/data'],
    ['GET /networks', 'GET /networks | '],
    ['GET /networks/node-1/bridge', 'GET /networks/* | node-1/bridge'],
    ['POST /networks/create', 'POST /networks/create | '],
    ['GET /services', 'GET /services | '],
    ['GET /services/a/logs', 'GET /services/* | a/logs'],
    ['HEAD /_ping', 'HEAD /_ping | '],
    ['GET /containers', undefined],
    ['GET /containers/web', undefined],
    ['POST /containers/json', undefined],
    ['GET /', undefined],
    ['GET /__proto__', undefined],
    ['GET /containers/a/constructor', undefined],
  ])('%s is %s', (line, expected) => {
    expect(find(line)).toBe(expected)
  })
})

describe('parseTarget', () => {
  it.each([
    ['/v1.41/containers/json?all=1', { version: '1.41', path: '/containers/json', query: 'all=1' }],
    ['/containers/json', { version: undefined, path: '/containers/json', query: '' }],
    ['/volumes', { version: undefined, path: '/volumes', query: '' }],
    ['/v1.41', { version: '1.41', path: '/', query: '' }],
    ['http://host:1/v1.30/_ping', { version: '1.30', path: '/_ping', query: '' }],
    ['/images/team%2Fapp/json', { version: undefined, path: '/images/team/app/json', query: '' }],
    ['/containers/a%20b/json', { version: undefined, path: '/containers/a b/json', query: '' }],
    ['/containers/a%252fb/json', { version: undefined, path: '/containers/a%2fb/json', query: '' }],
  ])('%s', (text, expected) => {
    expect(parseTarget(text)).toEqual(expected)
  })

  it.each([
    '//a',
    '/a//b',
    '/a/./b',
    '/a/..',
    '/%2e%2e/a',
    '/a%2f%2fb',
    '/a%00',
    '/a%0a',
    '/%zz',
    '/a%ff',
    '/v1/x',
    '/v1.2.3/x',
    '*',
    '/a?b#c',
    '/é',
  ])('refuses %s', (text) => {
    expect(() => parseTarget(text)).toThrow(/path|query/)
  })

  it('what is sent to an engine decodes to what was routed', () => {
    for (const path of ['/containers/a b/json', '/images/a?b/json', '/containers/a%2fb/json', '/x/ü#']) {
      expect(decodeURIComponent(renderPath(path))).toBe(path)
      expect(renderPath(path)).not.toMatch(/[?# ]/)
    }
  })
})
