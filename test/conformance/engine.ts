import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { createContainer, listContainers, removeContainer, startContainer } from '../../src/engine/api/containers.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { label } from './engine-bed.ts'
import type { EngineBed, EngineUnderTest } from './engine-bed.ts'
import { testEngineContainers } from './engine-containers.ts'
import { testEngineStores } from './engine-stores.ts'
import { testEngineStreams } from './engine-streams.ts'

export type { EngineUnderTest } from './engine-bed.ts'

/**
 * What every engine and everything that speaks for one must do. Run it in a test file of its own:
 * `testEngine('my endpoint', async () => ({ engine, image, stop }))`.
 */
export function testEngine(name: string, setup: () => Promise<EngineUnderTest>): void {
  describe(`${name} behaves as an engine`, () => {
    let under: EngineUnderTest
    let engine: Engine
    const run = `conformance-${randomBytes(4).toString('hex')}`
    let count = 0

    beforeAll(async () => {
      under = await setup()
      engine = under.engine
    })
    afterAll(async () => {
      await under?.stop()
    })
    afterEach(async () => {
      const left = await listContainers(engine, { all: true, filters: { label: [`${label}=${run}`] } })
      for (const container of left) await removeContainer(engine, container.Id, { force: true, volumes: true })
    })

    function freeName(): string {
      count += 1
      return `${run}-${count}`
    }

    async function make(body: Parameters<EngineBed['make']>[0] = {}): Promise<string> {
      const { script, ...rest } = body
      const created = await createContainer(
        engine,
        {
          Image: under.image,
          Cmd: ['sh', '-c', script ?? 'sleep 300'],
          ...rest,
          Labels: { [label]: run, ...rest.Labels },
          HostConfig: { NetworkMode: 'none', ...rest.HostConfig },
        },
        { name: freeName() },
      )
      return created.Id
    }

    async function makeRunning(body: Parameters<EngineBed['make']>[0] = {}): Promise<string> {
      const id = await make(body)
      await startContainer(engine, id)
      return id
    }

    const bed: EngineBed = {
      get engine() {
        return engine
      },
      get image() {
        return under.image
      },
      run,
      labels: { [label]: run },
      filter: `${label}=${run}`,
      freeName,
      make,
      makeRunning,
    }
    testEngineContainers(bed)
    testEngineStreams(bed)
    testEngineStores(bed)
  })
}
