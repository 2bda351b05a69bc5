import { afterEach, describe, expect, it } from 'vitest'
import { openEngine } from '../engine/client.ts'
import type { Engine } from '../engine/engine.ts'
import { systemClock } from '../io/clock.ts'
import { project, service } from '../testing/compose-builders.ts'
import { startFakeEngine } from '../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../testing/fake-engine/fake-engine.ts'
import { converge } from './converge.ts'
import type { Project } from './model/project.ts'
import { observe } from './observe.ts'
import { defaultReconcileOptions } from './plan/options.ts'

/** One service of twenty goes wrong (F-C1). */

let fake: FakeEngine | undefined
let engine: Engine | undefined

afterEach(async () => {
  await engine?.close()
  await fake?.stop()
})

async function start(): Promise<{ fake: FakeEngine; engine: Engine }> {
  fake = await startFakeEngine({ images: ['busybox:latest'], registry: ['nowhere/none:latest'] })
  engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  return { fake, engine }
}

const up = (to: Engine, want: Project): Promise<unknown> =>
  converge(to, want, {
    reconcile: defaultReconcileOptions,
    pull: 'policy',
    clock: systemClock,
    progress() {},
    parallel: 8,
    warn() {},
    ask: () => Promise.resolve(true),
  })

const many = project(
  Array.from({ length: 20 }, (_, index) =>
    service(`s${index}`, { command: ['sleep', '1000'], ...(index === 13 && { image: 'nowhere/none' }) }),
  ),
)

async function running(of: Engine): Promise<number> {
  const { containers } = await observe(of, { project: 'p' })
  return containers.filter(({ state }) => state === 'running').length
}

describe('twenty services', () => {
  it('of which one has no image: it is named, nothing is started, and the next run does all', async () => {
    const on = await start()
    on.fake.fail({
      method: 'POST',
      path: /^\/images\/create$/,
      times: 1,
      fault: { kind: 'status', status: 404, message: 'no none' },
    })
    await expect(up(on.engine, many)).rejects.toMatchObject({
      message: expect.stringContaining('no none') as string,
      hint: expect.stringContaining('s13') as string,
    })
    expect(await running(on.engine)).toBe(0)
    await up(on.engine, many)
    expect(await running(on.engine)).toBe(20)
  })

  it('of which one is refused by the engine: it is named, and the next run makes what is missing and nothing twice', async () => {
    const on = await start()
    const path = /^\/containers\/create$/
    on.fake.fail({ method: 'POST', path, times: 1, fault: { kind: 'status', status: 507, message: 'no space left' } })
    await expect(up(on.engine, many)).rejects.toMatchObject({
      message: expect.stringContaining('no space left') as string,
      hint: expect.stringMatching(/p-s\d+-1/) as string,
    })
    await up(on.engine, many)
    expect(await running(on.engine)).toBe(20)
    expect((await observe(on.engine, { project: 'p' })).containers).toHaveLength(20)
  })
})
