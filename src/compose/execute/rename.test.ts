import { expect, it } from 'vitest'
import { openEngine } from '../../engine/client.ts'
import { systemClock } from '../../io/clock.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { execute } from '../execute.ts'
import { makePlanBuilder } from '../plan/builder.ts'

it('a container that has got its name meanwhile needs no other', async () => {
  const fake = await startFakeEngine()
  const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  try {
    const id = fake.addContainer({ Image: 'busybox' }, { name: 'p-web-1' })
    const builder = makePlanBuilder()
    const container = { kind: 'existing', id, name: 'aaaaaaaaaaaa_p-web-1' } as const
    builder.add({ op: { kind: 'rename-container', container, name: 'p-web-1' }, resource: 'r', cause: 'c' })
    await execute(builder.build(), engine, { clock: systemClock, progress: () => {}, parallel: 1 })
    expect([...fake.state.names.keys()]).toEqual(['p-web-1'])
  } finally {
    await engine.close()
    await fake.stop()
  }
})
