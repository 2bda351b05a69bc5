import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startContainer } from '../../engine/api/containers.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { LABEL } from '../plan/label.ts'
import { makeContainer } from './make-container.ts'

describe('a container under a name that is taken', () => {
  let fake: FakeEngine
  let engine: Engine

  beforeEach(async () => {
    fake = await startFakeEngine({ images: ['busybox:latest'] })
    engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  })
  afterEach(async () => {
    await engine.close()
    await fake.stop()
  })

  const make = async (name: string, service = 'web'): Promise<string> => {
    const Labels = { [LABEL.project]: 'p', [LABEL.service]: service, [LABEL.number]: '1' }
    const body = { Image: 'busybox:latest', Cmd: ['serve'], Labels }
    return (await makeContainer(engine, { body, query: { name } }, systemClock, {})).Id
  }
  const temporary = '0123456789ab_p-web-1'

  it('is made once a leftover is gone that a run asked for which was cut short', async () => {
    const late = await make(temporary)
    const made = await make(temporary)
    expect(made).not.toBe(late)
    expect([...fake.state.containers.keys()]).toEqual([made])
  })

  it('is made once the leftover shows, too', async () => {
    const fault = { kind: 'status', status: 409, message: 'Conflict. The container name is already in use' } as const
    fake.fail({ method: 'POST', path: /^\/containers\/create$/, fault, times: 2 })
    await make(temporary)
    expect(fake.state.containers.size).toBe(1)
  })

  it('is refused where somebody else, or something that runs, has it', async () => {
    const other = await make(temporary, 'other')
    await expect(make(temporary)).rejects.toThrow('already in use')
    await startContainer(engine, other)
    await expect(make(temporary, 'other')).rejects.toThrow('already in use')
    await make('p-web-1')
    await expect(make('p-web-1')).rejects.toThrow('already in use')
    expect(fake.state.containers.size).toBe(2)
  })
})
