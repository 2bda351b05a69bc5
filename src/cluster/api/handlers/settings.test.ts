import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../io/clock.ts'
import { ask, startManagerOver } from '../../../testing/endpoint-bed.ts'
import type { BedAnswer } from '../../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../../testing/fake-engine/fake-engine.ts'
import type { RunningEndpoint } from '../../endpoint.ts'
import type { ApiSettings } from '../call.ts'

/** Flags of classic Swarm that change what single calls do. */
let engines: readonly FakeEngine[]
let manager: RunningEndpoint | undefined
beforeEach(async () => {
  engines = [await startFakeEngine({ name: 'n1', images: ['busybox:latest'] }), await startFakeEngine({ name: 'n2' })]
})
afterEach(async () => {
  manager?.closeNow()
  for (const engine of engines) await engine.stop()
})

/** A manager that reads engines as a whole once, and then only when it is asked to. */
async function start(settings: Partial<ApiSettings>): Promise<void> {
  manager = await startManagerOver(engines, { settings, watch: { refreshMinMs: 3_600_000, refreshMaxMs: 3_600_000 } })
  while (manager.cluster.healthyMembers().length < 2) await systemClock.sleep(5)
}

function call(method: string, path: string, body?: unknown): Promise<BedAnswer> {
  return ask(Number(new URL(manager?.addresses[0] ?? '').port), method, path, body)
}

describe('swarm.createretry', () => {
  const fault = { kind: 'status', status: 500, message: 'not today' } as const
  const body = { Image: 'busybox', Env: ['constraint:node==n1'] }

  it('makes up for an engine that fails so often, and not more', async () => {
    await start({ createRetries: 2 })
    const path = /^\/containers\/create$/
    engines[0]?.fail({ path, times: 2, fault })
    expect((await call('POST', '/containers/create?name=third', body)).status).toBe(201)
    engines[0]?.fail({ path, times: 3, fault })
    const { status, body: text } = await call('POST', '/containers/create?name=never', body)
    expect([status, text]).toEqual([500, expect.stringContaining('not today')])
  })

  it('is none by default', async () => {
    await start({})
    engines[0]?.fail({ path: /^\/containers\/create$/, times: 1, fault })
    expect((await call('POST', '/containers/create?name=first', body)).status).toBe(500)
  })
})

describe('refreshing before a list', () => {
  async function refreshed(filters: Readonly<Record<string, readonly string[]>>): Promise<readonly number[]> {
    const count = (): readonly number[] =>
      engines.map(
        ({ requests }) =>
          requests.filter(({ path, query }) => path === '/containers/json' && !('filters' in query)).length,
      )
    const before = count()
    const query = `all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`
    expect((await call('GET', `/containers/json?${query}`)).status).toBe(200)
    return count().map((each, index) => Number(each > (before[index] ?? 0)))
  }

  it('concerns the node that is named with --refresh-on-node-filter', async () => {
    await start({ refreshOnNodeFilter: true })
    expect(await refreshed({ node: ['n2'] })).toEqual([0, 1])
    expect(await refreshed({ name: ['web'] })).toEqual([0, 0])
  })

  it('concerns all nodes with exactly the name of --container-name-refresh-filter', async () => {
    await start({ refreshOnNameFilter: 'all-of-them' })
    expect(await refreshed({ name: ['all-of-them'] })).toEqual([1, 1])
    expect(await refreshed({ name: ['all-of-them', 'web'] })).toEqual([0, 0])
  })
})
