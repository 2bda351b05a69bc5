import { afterAll, beforeAll, expect, it } from 'vitest'
import { openEngine } from '../../../engine/client.ts'
import type { Engine } from '../../../engine/engine.ts'
import { systemClock } from '../../../io/clock.ts'
import { startFakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import { ensureNetwork } from './machine-network.ts'

let fake: FakeEngine
let engine: Engine
beforeAll(async () => {
  fake = await startFakeEngine({})
  engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
})
afterAll(async () => {
  await engine.close()
  await fake.stop()
})

// Engines since 25 have no two networks of one name.
it('machines that are made at the same time get one network', async () => {
  const found = await Promise.all(Array.from({ length: 4 }, () => ensureNetwork(engine, 'machines', {})))
  expect(new Set(found.map(({ Id }) => Id)).size).toBe(1)
  expect([...fake.state.networks.values()].map(({ Name }) => Name).filter((name) => /machines/.test(name))).toEqual([
    'machines',
  ])
})
