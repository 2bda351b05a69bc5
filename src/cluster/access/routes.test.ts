import { describe, expect, it } from 'vitest'
import { listRoutes } from '../api/routes.ts'
import { accessOf, isOpenTo, listAccess } from './routes.ts'

describe('the table of who may call what', () => {
  it('has an entry for every route of the endpoint, and none for others', () => {
    const routes = listRoutes().map(({ method, pattern }) => `${method} ${pattern}`)
    expect(routes.filter((route) => !listAccess().includes(route))).toEqual([])
    expect(listAccess().filter((route) => !routes.includes(route))).toEqual([])
  })

  it('leaves what it does not name to admins', () => {
    for (const [method, pattern] of [
      ['PATCH', '/containers/json'],
      ['GET', '/new'],
      ['GET', '__proto__'],
    ] as const) {
      const access = accessOf(method, pattern)
      expect(isOpenTo(access, { role: 'operator' })).toBe(false)
      expect(isOpenTo(access, { role: 'tenant' })).toBe(false)
      expect(isOpenTo(access, { role: 'viewer', isManager: true })).toBe(false)
      expect(isOpenTo(access, { role: 'admin' })).toBe(true)
    }
  })

  it('lets viewers change nothing, run nothing and look into nothing', () => {
    const open = listRoutes()
      .filter(({ method, pattern }) => isOpenTo(accessOf(method, pattern), { role: 'viewer' }))
      .map(({ method, pattern }) => `${method} ${pattern}`)
    expect(open.filter((route) => !/^(?:GET|HEAD) /.test(route))).toEqual([
      'POST /flotilla/explain',
      'POST /containers/*/wait',
    ])
    expect(open.filter((route) => /archive|export|attach|exec|secrets|configs|swarm|debug|\/get/.test(route))).toEqual(
      [],
    )
    expect(open).toContain('GET /containers/*/logs')
  })

  it('keeps engines, managers and the swarm of the engines from everybody but admins', () => {
    const closed = listRoutes()
      .filter(({ method, pattern }) => !isOpenTo(accessOf(method, pattern), { role: 'operator' }))
      .map(({ method, pattern }) => `${method} ${pattern}`)
    expect(closed).toEqual([
      'GET /plugins/privileges',
      'POST /plugins/*',
      'DELETE /plugins/*',
      'POST /flotilla/managers',
      'POST /flotilla/sightings',
      'GET /debug/pprof',
      'GET /debug/pprof/',
      'GET /debug/pprof/profile',
      'GET /debug/pprof/heap',
      'POST /nodes',
      'POST /nodes/*',
      'DELETE /nodes',
      'DELETE /nodes/*',
      'GET /swarm',
      'GET /swarm/*',
      'POST /swarm',
      'POST /swarm/*',
      'DELETE /swarm',
      'DELETE /swarm/*',
    ])
  })

  it('lets managers make the calls of managers', () => {
    const own = { role: 'viewer', isManager: true } as const
    expect(isOpenTo(accessOf('POST', '/flotilla/managers'), own)).toBe(true)
    expect(isOpenTo(accessOf('POST', '/flotilla/sightings'), own)).toBe(true)
    expect(isOpenTo(accessOf('POST', '/containers/create'), own)).toBe(false)
  })
})
