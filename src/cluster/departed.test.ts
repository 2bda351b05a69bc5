import { afterEach, describe, expect, it } from 'vitest'
import { renderEndpoint } from '../engine/endpoint-parse.ts'
import { makeContainer, makeNode } from '../testing/cluster-builders.ts'
import { startEndpointBed } from '../testing/endpoint-bed.ts'
import type { EndpointBed } from '../testing/endpoint-bed.ts'
import { DepartedEngines } from './departed.ts'
import { Directory } from './directory.ts'
import type { NodeView } from './model.ts'

const web = makeContainer('web', { id: 'a'.repeat(64), swarmId: 's1' })
const job = makeContainer('job', { id: 'b'.repeat(64), state: 'exited', createdAtMs: 5 })
const old = makeNode('old', { containers: [web, job] })

function start(keepMs = 1000): { readonly live: Directory; readonly departed: DepartedEngines } {
  const live = new Directory()
  return { live, departed: new DepartedEngines(live, keepMs) }
}

function shown({ departed }: { readonly departed: DepartedEngines }): readonly string[] {
  return departed.list().map(({ container, node }) => `${node.name}/${container.names[0] ?? ''} ${container.state}`)
}

describe('what was on an engine that left discovery', () => {
  it('is listed, newest first, as not running, and found by all that it was called', () => {
    const bed = start()
    expect(bed.departed.leave(old)).toBe(2)
    expect(shown(bed)).toEqual(['old/job exited', 'old/web dead'])
    for (const reference of ['web', '/web', 'old/web', web.id, web.id.slice(0, 12), 's1'])
      expect([reference, bed.departed.find(reference).kind]).toEqual([reference, 'found'])
    expect(bed.departed.find('other').kind).toBe('missing')
  })

  it.each<[string, NodeView]>([
    ['never read', makeNode('old', { containers: [web], health: { state: 'pending', failures: 0, indicator: 0 } })],
    ['empty', makeNode('old')],
  ])('is nothing where the engine was %s', (_, node) => {
    const bed = start()
    expect([bed.departed.leave(node), shown(bed)]).toEqual([0, []])
  })

  it('is nothing where nothing is to be remembered', () => {
    const bed = start(0)
    expect([bed.departed.leave(old), shown(bed)]).toEqual([0, []])
  })

  it('is past when the engine is back, at whatever address', () => {
    const bed = start()
    bed.departed.leave(old)
    bed.departed.come(makeNode('other'))
    expect(shown(bed)).toHaveLength(2)
    bed.departed.come({ ...old, addr: 'elsewhere:2375' })
    expect(shown(bed)).toEqual([])
  })

  it('is past when another engine has the address', () => {
    const bed = start()
    bed.departed.leave(old)
    bed.departed.come({ ...makeNode('new'), addr: old.addr })
    expect([shown(bed), bed.departed.find('web').kind]).toEqual([[], 'missing'])
  })

  it.each([
    ['was made anew', makeContainer('web-moving', { id: 'c'.repeat(64), swarmId: 's1' })],
    ['has a successor of its name', makeContainer('web', { id: 'c'.repeat(64) })],
    ['is on another engine', { ...web, names: ['site'], swarmId: '' }],
  ])('one that %s is not shown beside it', (_, container) => {
    const bed = start()
    bed.departed.leave(old)
    bed.live.replace(makeNode('new', { containers: [container] }))
    expect([shown(bed), bed.departed.find(web.id).kind]).toEqual([['old/job exited'], 'missing'])
  })

  it('is forgotten one by one on demand, and in time', () => {
    const bed = start()
    bed.departed.leave(old)
    bed.departed.expire(50_000)
    bed.departed.expire(50_999)
    bed.departed.forget(web.id)
    expect(shown(bed)).toEqual(['old/job exited'])
    bed.departed.expire(51_000)
    expect(shown(bed)).toEqual([])
  })

  it('has an end: engines that left first are forgotten first', () => {
    const bed = start()
    const many = (name: string): NodeView =>
      makeNode(name, {
        containers: Array.from({ length: 4000 }, (_, index) => makeContainer(`${name}${String(index)}`)),
      })
    for (const name of ['x', 'y', 'z']) bed.departed.leave(many(name))
    expect(new Set(bed.departed.list().map(({ node }) => node.name))).toEqual(new Set(['y', 'z']))
  })
})

describe('over the API', () => {
  let bed: EndpointBed | undefined
  afterEach(() => bed?.close())

  interface Row {
    readonly Names: readonly string[]
    readonly State: string
    readonly Status: string
  }

  async function list(query: string): Promise<readonly Row[]> {
    return JSON.parse((await bed!.call('GET', `/containers/json?${query}`)).body) as Row[]
  }

  it('ps -a shows it as Host Down, calls say why not, rm -f ends it, and the name is free meanwhile', async () => {
    bed = await startEndpointBed([{ images: ['busybox:latest'] }, { images: ['busybox:latest'] }])
    const { endpoint, engines } = bed
    for (const name of ['web', 'job', 'idle']) {
      const body = { Image: 'busybox', Cmd: ['serve'], Env: ['constraint:node==n1'], Labels: { project: 'x' } }
      await bed.call('POST', `/containers/create?name=${name}`, body)
      if (name !== 'idle') await bed.call('POST', `/containers/${name}/start`)
    }
    endpoint.cluster.setAddresses([renderEndpoint(engines[1]!.endpoint).replace('tcp://', '')])
    const rows = await list('all=1')
    expect(new Set(rows.map(({ Names, State, Status }) => `${Names[0] ?? ''} ${State} ${Status}`))).toEqual(
      new Set(['/n1/job dead Host Down', '/n1/web dead Host Down', '/n1/idle created Host Down']),
    )
    expect(await list('')).toEqual([])
    // A Compose that is shown it would start it, and fail, in place of making it anew.
    expect(await list(`all=1&filters=${encodeURIComponent('{"label":["project=x"]}')}`)).toEqual([])
    expect((await list(`filters=${encodeURIComponent('{"name":["web"]}')}&all=1`)).map((row) => row.Names)).toEqual([
      ['/n1/web'],
    ])
    const why =
      'Container web running on unhealthy node n1, which has left discovery: docker rm -f takes the container off the list'
    for (const [method, path] of [
      ['GET', '/containers/web/json'],
      ['POST', '/containers/web/stop'],
      ['DELETE', '/containers/web'],
    ] as const) {
      const { status, body } = await bed.call(method, path)
      expect([path, status, JSON.parse(body)]).toEqual([path, 500, { message: why }])
    }
    expect((await bed.call('DELETE', '/containers/job?force=1')).status).toBe(204)
    expect((await bed.call('DELETE', '/containers/idle')).status).toBe(204)
    expect((await bed.call('POST', '/containers/create?name=web', { Image: 'busybox' })).status).toBe(201)
    expect((await list('all=1')).map((row) => row.Names[0])).toEqual(['/n2/web'])
  })
})
