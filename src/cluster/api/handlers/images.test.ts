import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../io/clock.ts'
import { ask, startEndpointBed, startManagerOver } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../../testing/fake-engine/fake-engine.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([
    { images: ['localhost:5000/app:1', 'other:1'] },
    { images: ['localhost:5000/app:1', 'localhost:5000/app:2'] },
  ])
})
afterAll(() => bed.close())

/** Nodes that were asked to push. */
function pushesOn(): readonly string[] {
  return bed.engines.flatMap((engine) =>
    engine.requests.filter((each) => each.path.endsWith('/push')).map(() => engine.state.options.name ?? ''),
  )
}

describe('a pull by all nodes', () => {
  it('ends although one of them hangs, and says so', async () => {
    const engines = [
      await startFakeEngine({ name: 'n1', registry: ['tool:1'] }),
      await startFakeEngine({ name: 'n2', registry: ['tool:1'] }),
    ]
    // Looks at the health of nodes, two seconds apart, come at once.
    const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms === 2000 ? 40 : ms, signal) }
    const manager = await startManagerOver(engines, { clock, watch: { probeMs: 100, failureRetry: 2 } })
    try {
      await expect.poll(() => manager.cluster.healthyMembers().length).toBe(2)
      const port = Number(new URL(manager.addresses[0] ?? '').port)
      engines[1]?.fail({ fault: { kind: 'hang' } })
      const { status, body } = await ask(port, 'POST', '/images/create?fromImage=tool&tag=1')
      expect([status, body.includes('n2: node n2 ')]).toEqual([200, true])
      expect(engines[0]?.state.findImage('tool:1')).toBeDefined()
    } finally {
      manager.closeNow()
      for (const engine of engines) await engine.stop()
    }
  })
})

describe('reading an image', () => {
  it('goes on with the next node that has it where one breaks off', async () => {
    for (const path of ['json', 'history', 'get']) {
      bed.engines[0]?.fail({ path: new RegExp(`/app:1/${path}$`), fault: { kind: 'reset' } })
      const answer = await bed.call('GET', `/images/localhost:5000/app:1/${path}`)
      expect([path, answer.status, answer.body !== '']).toEqual([path, 200, true])
    }
  })
})

describe('removing an image', () => {
  it('that one of its nodes has lost meanwhile is done', async () => {
    const lost = { method: 'DELETE', times: 1, fault: { kind: 'status', status: 404, message: 'gone' } } as const
    for (const tag of ['1', '2']) {
      const path = `/images/localhost:5000/app:1/tag?repo=twice&tag=${tag}`
      expect((await bed.call('POST', path)).status).toBe(201)
    }
    bed.engines[1]?.fail(lost)
    const answer = await bed.call('DELETE', '/images/twice:2')
    expect([answer.status, answer.body]).toEqual([200, expect.stringContaining('twice:2')])
    for (const engine of bed.engines) engine.fail(lost)
    expect((await bed.call('DELETE', '/images/twice:1')).status).toBe(404)
  })
})

describe('a push', () => {
  it('of all tags goes to the engine that has the most of them; of one to an engine that has it', async () => {
    for (const engine of bed.engines) {
      engine.fail({ path: /push$/, fault: { kind: 'reply', status: 200, body: '{"status":"pushed"}' } })
    }
    expect((await bed.call('POST', '/images/localhost:5000/app/push')).status).toBe(200)
    expect(pushesOn()).toEqual(['n2'])
    expect((await bed.call('POST', '/images/localhost:5000/app/push?tag=2')).status).toBe(200)
    expect(pushesOn()).toEqual(['n2', 'n2'])
    expect((await bed.call('POST', '/images/nothing/push')).status).toBe(404)
  })
})

describe('an archive for all nodes', () => {
  const lines = (body: string): readonly unknown[] =>
    body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)

  it('is loaded without a word on the way when it is to be quiet', async () => {
    for (const [index, engine] of bed.engines.entries()) {
      engine.fail({
        path: /load$/,
        ...(index === 1 && { times: 2 }),
        fault: { kind: 'reply', status: 200, body: '{"status":"working"}\n{"stream":"Loaded image: a:1\\n"}\n' },
      })
    }
    const loud = await bed.call('POST', '/images/load', 'x')
    expect(lines(loud.body)).toContainEqual({ id: 'n1', status: 'Loading Image... : working' })
    const quiet = await bed.call('POST', '/images/load?quiet=1', 'x')
    expect(lines(quiet.body)).toEqual([{ stream: 'Loaded image: a:1\n' }])
    bed.engines[1]?.fail({ path: /load$/, fault: { kind: 'reply', status: 200, body: '{"error":"unexpected EOF"}' } })
    const failed = await bed.call('POST', '/images/load?quiet=1', 'x')
    expect(lines(failed.body)).toContainEqual(expect.objectContaining({ error: 'n2: unexpected EOF' }))
  })

  it('that is imported ends with the ID of an image, as on one engine', async () => {
    for (const [index, engine] of bed.engines.entries()) {
      const body = `{"status":"sha256:${String(index).repeat(64)}"}\n`
      engine.fail({ path: /create$/, fault: { kind: 'reply', status: 200, body } })
    }
    const imported = await bed.call('POST', '/images/create?fromSrc=-&repo=brought&tag=1', 'x')
    expect(lines(imported.body).at(-1)).toEqual({ status: `sha256:${'0'.repeat(64)}` })
  })
})
