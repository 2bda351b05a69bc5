import { openEngine } from '../../src/engine/client.ts'
import { systemClock } from '../../src/io/clock.ts'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { testEngine } from './engine.ts'

for (const apiVersion of ['1.41', '1.51']) {
  testEngine(`the fake engine of API ${apiVersion}`, async () => {
    const fake = await startFakeEngine({ images: ['box:1'], apiVersion })
    const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
    return {
      engine,
      image: 'box:1',
      async stop() {
        await engine.close()
        await fake.stop()
      },
    }
  })
}
