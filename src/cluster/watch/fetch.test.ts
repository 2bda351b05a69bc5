import { describe, expect, it } from 'vitest'
import { parseEndpoint } from '../../engine/endpoint-parse.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import { runFetch, runLists } from './fetch.ts'
import { countTurns } from '../../testing/count-turns.ts'

/** An engine that only notes how long it is given. */
async function limitOf(address: string, isPatient: boolean): Promise<number | undefined> {
  let limitMs: number | undefined
  const engine: Engine = {
    endpoint: parseEndpoint(address),
    apiVersion: () => Promise.resolve('1.41'),
    request: (_, o) => {
      limitMs = o?.deadlineMs
      return Promise.reject(new Error('not in this test'))
    },
    hijack: () => Promise.reject(new Error('not in this test')),
    close: () => Promise.resolve(),
  }
  const { signal } = new AbortController()
  const context = { engine, signal, clock: systemClock, readMs: 30_000, resolveIp: () => Promise.resolve('127.0.0.1') }
  await runFetch({ what: 'ping', isPatient }, context).catch(() => undefined)
  return limitMs
}

describe('a probe', () => {
  it('has to be answered at once where a connection is quickly made', async () => {
    expect(await limitOf('tcp://127.0.0.1:2375', false)).toBe(1200)
  })

  it('may take as long as opening the way does: over ssh, and to an engine that was given up', async () => {
    expect(await limitOf('ssh://core@host', false)).toBe(10_000)
    expect(await limitOf('ssh://core@host', true)).toBe(10_000)
    expect(await limitOf('tcp://127.0.0.1:2375', true)).toBe(5000)
  })
})

describe('a volume', () => {
  /** A swarm manager under a leader that is older than volumes of swarms. @param rows what its list has */
  async function readUnderOldLeader(rows: readonly object[]): Promise<unknown> {
    const message = 'rpc error: code = Unimplemented desc = unknown method ListVolumes'
    const engine: Engine = {
      endpoint: parseEndpoint('tcp://127.0.0.1:2375'),
      apiVersion: () => Promise.resolve('1.51'),
      request: () => Promise.reject(new Error('not in this test')),
      hijack: () => Promise.reject(new Error('not in this test')),
      readAll: ([request], onAnswer) => {
        if (request?.path === '/volumes') onAnswer(0, { isOk: true, value: { Volumes: rows } })
        else onAnswer(0, { isOk: false, error: new FlotillaError('engine/server', message, { status: 501 }) })
        return Promise.resolve()
      },
      close: () => Promise.resolve(),
    }
    const { signal } = new AbortController()
    const context = { engine, signal, clock: systemClock, readMs: 1000, resolveIp: () => Promise.resolve('') }
    return runFetch({ what: 'volume', name: 'data' }, context)
  }

  it('is known to be gone where the engine looks for it in a swarm whose leader knows no volumes', async () => {
    expect(await readUnderOldLeader([{ Name: 'data-2' }])).toBeUndefined()
    expect(await readUnderOldLeader([{ Name: 'data-2' }, { Name: 'data' }])).toEqual({ Name: 'data' })
  })
})

describe('a list of thousands of containers', () => {
  it('is told after others had their turn, and what comes behind it after it', async () => {
    const rows = Array.from({ length: 5000 }, (_, index) => ({ Id: String(index), Names: [], Labels: {} }))
    const engine: Engine = {
      endpoint: parseEndpoint('tcp://127.0.0.1:2375'),
      apiVersion: () => Promise.resolve('1.41'),
      request: () => Promise.reject(new Error('not in this test')),
      hijack: () => Promise.reject(new Error('not in this test')),
      readAll: (requests, onAnswer) => {
        for (const [index, { path }] of requests.entries()) {
          onAnswer(index, { isOk: true, value: path === '/containers/json' ? rows : [] })
        }
        return Promise.resolve()
      },
      close: () => Promise.resolve(),
    }
    const endTurns = countTurns()
    const { signal } = new AbortController()
    const told: string[] = []
    await runLists(
      [{ what: 'networks' }, { what: 'containers' }],
      { engine, signal, clock: systemClock, readMs: 1000, resolveIp: () => Promise.resolve('') },
      ({ what }, outcome) => {
        told.push(`${what} ${outcome.isOk && Array.isArray(outcome.value) ? String(outcome.value.length) : 'failed'}`)
      },
    )
    expect(told).toEqual(['containers 5000', 'networks 0'])
    expect(endTurns()).toBeGreaterThanOrEqual(4)
  })
})
