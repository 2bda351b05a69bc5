import { afterEach, beforeEach, expect, it } from 'vitest'
import { createContainer } from '../../engine/api/containers.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { service } from '../../testing/compose-builders.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { runInit } from './init.ts'

let fake: FakeEngine
let engine: Engine

beforeEach(async () => {
  fake = await startFakeEngine({
    images: ['busybox:latest'],
    programs: {
      migrate(own) {
        own.write('stdout', 'done\n')
        return Promise.resolve(Number(own.args[1] ?? 0))
      },
    },
  })
  engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
})
afterEach(async () => {
  await engine.close()
  await fake.stop()
})

it('a command that is over before the engine gets to the question how it ends is over all the same', async () => {
  const { Id: id } = await createContainer(engine, { Image: 'busybox:latest', Cmd: ['serve'] })
  fake.fail({ path: /\/wait$/, fault: { kind: 'delay', ms: 100 } })
  const web = service('web')
  const printed: string[] = []
  const listener = { hookOutput: ({ text }: { readonly text: string }) => void printed.push(text) }
  const run = { id, project: 'shop', service: web, index: 0 }
  await runInit(engine, { ...run, hook: { command: ['migrate'] } }, listener, {})
  expect(printed).toEqual(['done\n'])
  await expect(runInit(engine, { ...run, hook: { command: ['migrate', '3'] } }, listener, {})).rejects.toMatchObject({
    message: 'service "web" pre_start[0] exited with code 3',
    hint: 'migrate 3: done',
  })
})
