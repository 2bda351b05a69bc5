import { afterEach, describe, expect, it } from 'vitest'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { parseEndpoint } from '../../engine/endpoint-parse.ts'
import { systemClock } from '../../io/clock.ts'
import { startEndpointBed, startManagerOver } from '../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../testing/endpoint-bed.ts'
import { createVolume, listVolumes } from '../../engine/api/volumes.ts'
import { describeSelf } from './owner.ts'
import { withProjectLock } from './project-lock.ts'
import type { ProjectLockOptions } from './project-lock.ts'

/** The lock of a project on a fleet, whose clients may come through different managers. */

describe('on a fleet the lock of a project', () => {
  const closing: (() => Promise<unknown> | void)[] = []
  const options: ProjectLockOptions = { clock: systemClock, command: 'test', warn() {} }

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  function open(address: string): Engine {
    const engine = openEngine(parseEndpoint(address), { clock: systemClock, userAgent: 'test' })
    closing.push(() => engine.close())
    return engine
  }

  async function start(engines: number): Promise<{ bed: EndpointBed; first: Engine }> {
    const bed = await startEndpointBed(Array.from({ length: engines }, () => ({})))
    closing.push(() => bed.close())
    return { bed, first: open(`tcp://127.0.0.1:${bed.port}`) }
  }

  /** A manager that has never seen the engines that are gone. */
  async function startSecond(bed: EndpointBed, healthy: number): Promise<Engine> {
    const second = await startManagerOver(bed.engines)
    closing.push(() => second.closeNow())
    while (second.cluster.healthyMembers().length < healthy) await systemClock.sleep(5)
    return open(second.addresses[0] ?? '')
  }

  /** Locks on each engine. */
  const countAll = (bed: EndpointBed): readonly number[] => bed.engines.map(({ state }) => state.volumes.size)

  const names = async (engine: Engine): Promise<readonly string[]> =>
    ((await listVolumes(engine)).Volumes ?? []).map(({ Name: name }) => name)

  it('lies on three nodes, and is gone from all of them at the end', async () => {
    const { bed, first } = await start(4)
    await withProjectLock(first, 'p', options, async () => {
      expect(countAll(bed)).toEqual([1, 1, 1, 0])
    })
    expect(await names(first)).toEqual([])
  })

  it('lies on nodes that answer', { timeout: 60_000 }, async () => {
    const { bed, first } = await start(4)
    await bed.engines[0]?.stop()
    while (bed.endpoint.cluster.healthyMembers().length > 3) await systemClock.sleep(5)
    await withProjectLock(first, 'p', options, async () => {
      expect(countAll(bed)).toEqual([0, 1, 1, 1])
    })
  })

  it('passes over a number whose volume one of the nodes made without labels', async () => {
    const { bed, first } = await start(3)
    await createVolume(first, { Name: 'n2/flotilla-lock_p_1' })
    await withProjectLock(first, 'p', options, async () => {
      expect(countAll(bed)).toEqual([1, 2, 1])
      const second = withProjectLock(first, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
      await expect(second).rejects.toMatchObject({ message: expect.stringContaining('project "p" is in use by') })
    })
    expect(countAll(bed)).toEqual([0, 1, 0])
  })

  it('is left alone where somebody else was first on one of the nodes', async () => {
    const { bed, first } = await start(3)
    const owner = { ...(await describeSelf('docker-compose up', 'other', 0)), computer: 'elsewhere' }
    const labels = {
      'flotilla.lock.project': 'p',
      'flotilla.lock.sequence': '1',
      'flotilla.lock.owner': JSON.stringify(owner),
    }
    const lists: (readonly number[])[] = []
    const late: Engine = {
      endpoint: first.endpoint,
      apiVersion: (o) => first.apiVersion(o),
      hijack: (r, o) => first.hijack(r, o),
      close: () => Promise.resolve(),
      async request(r, o) {
        if (r.method === 'GET' && r.path === '/volumes') lists.push(countAll(bed))
        const isFirst = r.path === '/volumes/create' && countAll(bed)[1] === 0
        if (isFirst) await createVolume(first, { Name: 'n2/flotilla-lock_p_1', Labels: labels })
        return first.request(r, o)
      },
    }
    const refused = withProjectLock(late, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('@elsewhere') })
    expect(lists).toEqual([
      [0, 0, 0],
      [0, 1, 0],
    ])
  })

  it('lets one in at a time, through whichever manager', { timeout: 60_000 }, async () => {
    const { bed, first } = await start(3)
    const second = await startSecond(bed, 3)
    let inside = 0
    const work = async (): Promise<void> => {
      inside += 1
      expect(inside).toBe(1)
      await systemClock.sleep(20)
      inside -= 1
    }
    const engines = [first, second, first, second]
    const all = await Promise.allSettled(engines.map((engine) => withProjectLock(engine, 'p', options, work)))
    expect(all.map(({ status }) => status)).toEqual(Array(4).fill('fulfilled'))
    expect([await names(first), await names(second)]).toEqual([[], []])
  })

  it('holds when nodes that carry it go, for a manager that has never seen them too', { timeout: 60_000 }, async () => {
    const { bed, first } = await start(4)
    await withProjectLock(first, 'p', options, async () => {
      await bed.engines[0]?.stop()
      await bed.engines[1]?.stop()
      const second = await startSecond(bed, 2)
      expect(await names(second)).toHaveLength(1)
      const refused = withProjectLock(second, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
      await expect(refused).rejects.toMatchObject({ code: 'compose/locked' })
    })
  })
})
