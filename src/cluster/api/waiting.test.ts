import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../io/clock.ts'
import { ask, startEndpointBed, startManagerOver } from '../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'

const gb = 2 ** 30

/** Creates that wait for a node, over a fake engine whose memory is known. */
describe('a create that may wait', () => {
  let bed: EndpointBed
  beforeAll(async () => {
    bed = await startEndpointBed([{ memoryBytes: 2 * gb, images: ['busybox'] }])
  })
  afterAll(() => bed.close())

  const body = (memory: number, wait?: string): object => ({
    Image: 'busybox',
    HostConfig: { Memory: memory },
    ...(wait !== undefined && { Labels: { 'flotilla.wait': wait } }),
  })
  const post = (name: string, sent: object): ReturnType<EndpointBed['call']> =>
    bed.call('POST', `/containers/create?name=${name}`, sent)
  const waiting = async (): Promise<readonly { readonly Name: string }[]> =>
    JSON.parse((await bed.call('GET', '/flotilla/waiting')).body)

  it('is refused at once without the label, and after its time with it', async () => {
    const plain = await post('now', body(8 * gb))
    expect(plain.status).toBe(500)
    expect(plain.body).not.toContain('waited')
    const late = await post('late', body(8 * gb, '300ms'))
    expect(late.status).toBe(500)
    expect(late.body).toContain('no resources available to schedule container (waited 300ms)')
    expect(await waiting()).toEqual([])
  })

  it('is shown to whoever can make room, and made as soon as there is', async () => {
    expect((await post('first', body(2 * gb))).status).toBe(201)
    const second = post('second', body(gb, '60s'))
    await expect
      .poll(waiting)
      .toMatchObject([{ Name: 'second', Image: 'busybox', MemoryBytes: gb, Refusal: /no resources/ }])
    expect((await bed.call('DELETE', '/containers/first?force=1')).status).toBe(204)
    expect((await second).status).toBe(201)
    expect(await waiting()).toEqual([])
  })

  it('waits for as long as it was given, whatever the clock on the wall is set to', async () => {
    let aheadMs = 0
    const engine = await startFakeEngine({ name: 'n9', memoryBytes: 2 * gb, images: ['busybox'] })
    const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs }
    const manager = await startManagerOver([engine], { clock })
    try {
      await expect.poll(() => manager.cluster.healthyMembers().length).toBe(1)
      const port = Number(new URL(manager.addresses[0] ?? '').port)
      expect((await ask(port, 'POST', '/containers/create?name=first', body(2 * gb))).status).toBe(201)
      const second = ask(port, 'POST', '/containers/create?name=second', body(gb, '60s'))
      await expect.poll(async () => (await ask(port, 'GET', '/flotilla/waiting')).body).toContain('second')
      aheadMs = 3_600_000
      await systemClock.sleep(600)
      expect((await ask(port, 'DELETE', '/containers/first?force=1')).status).toBe(204)
      expect((await second).status).toBe(201)
    } finally {
      manager.closeNow()
      await engine.stop()
    }
  })

  it('that names no duration, or a name that is taken, is refused at once', async () => {
    const odd = await post('odd', body(gb, 'soon'))
    expect(odd).toMatchObject({
      status: 400,
      body: expect.stringContaining('label flotilla.wait: \\"soon\\" is no duration'),
    })
    const taken = await post('second', body(8 * gb, '60s'))
    expect(taken).toMatchObject({ status: 409, body: expect.stringContaining('second') })
  })
})
