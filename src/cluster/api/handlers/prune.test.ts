import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../io/clock.ts'
import { ask, startManagerOver } from '../../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import { eventually } from '../../../testing/manager-bed.ts'

const cleanups: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe('a prune', () => {
  it('whose client goes away is broken off on the engines', async () => {
    const engine = await startFakeEngine({ name: 'n1' })
    cleanups.push(() => engine.stop())
    const port = engine.endpoint.kind === 'tcp' ? engine.endpoint.port : 0
    let isAsked = false
    let isCut = false
    // Never answers a prune, and hears when nobody waits for it any more.
    const front = createServer((asked, answer) => {
      if (asked.url?.endsWith('/prune') === true) {
        isAsked = true
        asked.socket.on('close', () => (isCut = true))
        return
      }
      const { method, url: path, headers } = asked
      const passed = request({ port, method, path, headers, agent: false }, (reply) => {
        answer.writeHead(reply.statusCode ?? 500, reply.headers)
        answer.flushHeaders()
        reply.pipe(answer)
      })
      passed.on('error', () => answer.destroy())
      asked.pipe(passed)
    })
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      front.closeAllConnections()
      front.close()
    })
    const endpoint = { kind: 'tcp', host: '127.0.0.1', port: (front.address() as AddressInfo).port } as const
    const manager = await startManagerOver([{ endpoint }])
    cleanups.push(() => manager.closeNow())
    await eventually(() => manager.cluster.healthyMembers().length === 1, 'a healthy engine')
    const client = request({ port: new URL(manager.addresses[0] ?? '').port, method: 'POST', path: '/images/prune' })
    client.on('error', () => undefined)
    client.end()
    await eventually(() => isAsked, 'the prune')
    client.destroy()
    await eventually(() => isCut, 'its end', 5000)
    expect(engine.requests.some((each) => each.path.endsWith('/prune'))).toBe(false)
  })

  it('is not kept up by a node that hangs, and names it', async () => {
    const engines = [await startFakeEngine({ name: 'n1' }), await startFakeEngine({ name: 'n2' })]
    for (const engine of engines) cleanups.push(() => engine.stop())
    // Looks at the health of nodes, two seconds apart, come at once.
    const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms === 2000 ? 40 : ms, signal) }
    const manager = await startManagerOver(engines, { clock, watch: { probeMs: 100, failureRetry: 2 } })
    cleanups.push(() => manager.closeNow())
    await eventually(() => manager.cluster.healthyMembers().length === 2, 'healthy engines')
    engines[1]?.fail({ fault: { kind: 'hang' } })
    const answer = await ask(Number(new URL(manager.addresses[0] ?? '').port), 'POST', '/containers/prune')
    expect([answer.status, answer.body]).toEqual([502, '{"message":"n2: node n2 stopped answering"}\n'])
  })

  it('that may be told in parts (API 1.56) is told as one report, as engines may too', async () => {
    const engine = await startFakeEngine({ name: 'n1' })
    cleanups.push(() => engine.stop())
    const manager = await startManagerOver([engine])
    cleanups.push(() => manager.closeNow())
    await eventually(() => manager.cluster.healthyMembers().length === 1, 'a healthy engine')
    const report = { VolumesDeleted: ['data'], SpaceReclaimed: 5 }
    engine.fail({ path: /prune$/, fault: { kind: 'reply', status: 200, body: JSON.stringify(report) } })
    const port = Number(new URL(manager.addresses[0] ?? '').port)
    const filters = encodeURIComponent('{"all":["true"]}')
    const { status, body } = await ask(port, 'POST', `/v1.56/volumes/prune?stream=1&filters=${filters}`)
    expect([status, JSON.parse(body)]).toEqual([200, report])
    const asked = engine.requests.find(({ path }) => path.endsWith('/prune'))
    expect(Object.keys(asked?.query ?? {})).not.toContain('stream')
  })
})
