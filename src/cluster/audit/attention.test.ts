import { describe, expect, it } from 'vitest'
import { listRoutes } from '../api/routes.ts'
import { attentionTable, makeAttention } from './attention.ts'

const reading = new Set(['GET', 'HEAD', 'OPTIONS'])

describe('what the audit log makes of each route', () => {
  it('is decided for every route that may change something, and for no other but web sockets', () => {
    const writing = listRoutes()
      .filter(({ method }) => !reading.has(method))
      .map(({ method, pattern }) => `${method} ${pattern}`)
    expect(writing.length).toBeGreaterThan(60)
    expect(Object.keys(attentionTable).sort()).toEqual([...writing, 'GET /containers/*/attach/ws'].sort())
  })

  it('leaves out only what changes nothing', () => {
    const harmless = Object.entries(attentionTable).flatMap(([route, attention]) =>
      attention === 'none' ? [route] : [],
    )
    expect(harmless).toEqual([
      'POST /auth',
      'POST /flotilla/managers',
      'POST /flotilla/sightings',
      'POST /flotilla/explain',
      'POST /containers/*/copy',
      'POST /containers/*/resize',
      'POST /containers/*/wait',
      'POST /exec/*/resize',
    ])
  })

  it('finds routes as the endpoint does', () => {
    const attentionTo = makeAttention()
    expect(attentionTo('POST', '/containers/create')).toBe('call')
    expect(attentionTo('POST', '/containers/a/b/start')).toBe('call')
    expect(attentionTo('POST', '/exec/abc/start')).toBe('stream')
    expect(attentionTo('GET', '/containers/a/attach/ws')).toBe('stream')
    expect(attentionTo('GET', '/containers/a/archive')).toBe('none')
    expect(attentionTo('GET', '/containers/a/logs')).toBe('none')
    expect(attentionTo('PUT', '/containers/a/archive')).toBe('stream')
    expect(attentionTo('POST', '/images/create')).toBe('progress')
    expect(attentionTo('POST', '/secrets/create')).toBe('call')
    expect(attentionTo('POST', '/nothing')).toBe('none')
  })
})
