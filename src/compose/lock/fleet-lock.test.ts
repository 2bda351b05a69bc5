import { afterEach, describe, expect, it } from 'vitest'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { parseEndpoint } from '../../engine/endpoint-parse.ts'
import { systemClock } from '../../io/clock.ts'
import { startEndpointBed, startManagerOver } from '../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../testing/endpoint-bed.ts'
import { listVolumes } from '../../engine/api/volumes.ts'
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

  const names = async (engine: Engine): Promise<readonly string[]> =>
    ((await listVolumes(engine)).Volumes ?? []).map(({ Name: name }) => name)

  it('lies on three nodes, and is gone from all of them at the end', async () => {
    const { bed, first } = await start(4)
    await withProjectLock(first, 'p', options, async () => {
      const there = await Promise.all(
        bed.engines.map(async ({ endpoint }) => {
          const engine = openEngine(endpoint, { clock: systemClock, userAgent: 'test' })
          const found = await names(engine)
          await engine.close()
          return found.length
        }),
      )
      expect(there).toEqual([1, 1, 1, 0])
    })
    expect(await names(first)).toEqual([])
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
