import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import { manualClock } from '../../../testing/manual-clock.ts'
import { mixedClock } from '../../../testing/mixed-clock.ts'
import { findExec } from './exec.ts'

/** A silent engine is given five seconds. */
const patienceMs = 5000
const patience = manualClock()

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{}, {}, {}], { clock: mixedClock(patienceMs, patience) })
})
afterAll(() => bed.close())

describe('an exec that another manager made', () => {
  it('is found although some engine is silent, and missing when that has had its time', async () => {
    const [silent, , holder] = bed.engines
    const id = holder?.addContainer({ Image: 'box' }, { name: 'web', start: true }) ?? ''
    const port = holder?.endpoint.kind === 'tcp' ? holder.endpoint.port : 0
    const made = await ask(port, 'POST', `/containers/${id}/exec`, { Cmd: ['true'] })
    const exec = (JSON.parse(made.body) as { Id: string }).Id
    silent?.fail({ path: /^\/exec\//, fault: { kind: 'hang' } })
    // The five seconds do not pass, so that nobody can have waited for the silent one.
    expect((await bed.call('GET', `/exec/${exec}/json`)).status).toBe(200)
    const path = `/exec/${'0'.repeat(64)}/json`
    const missing = bed.call('GET', path)
    while (!bed.engines.every((engine) => engine.requests.some((each) => each.path === path))) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    await patience.advance(patienceMs)
    expect((await missing).status).toBe(404)
  })

  it('is remembered, and the oldest of very many is not any more', async () => {
    const [, , holder] = bed.engines
    const id = holder?.addContainer({ Image: 'box' }, { name: 'db', start: true }) ?? ''
    const port = holder?.endpoint.kind === 'tcp' ? holder.endpoint.port : 0
    const made = await ask(port, 'POST', `/containers/${id}/exec`, { Cmd: ['true'] })
    const exec = (JSON.parse(made.body) as { Id: string }).Id
    const execs = new Map(Array.from({ length: 65_536 }, (_, at) => [String(at), 'gone:1']))
    await findExec({ cluster: bed.endpoint.cluster, execs }, exec)
    expect([execs.size, execs.has('0'), execs.has('1'), execs.has(exec)]).toEqual([65_536, false, true, true])
  })
})
