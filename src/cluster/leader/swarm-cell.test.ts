import { Readable } from 'node:stream'
import { beforeEach, describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import type { Engine, EngineReply, EngineRequest } from '../../engine/engine.ts'
import type { LeaseCell, LeaseRecord } from './lease-cell.ts'
import { swarmCell } from './swarm-cell.ts'

/** Three managers of one swarm that share what its Raft holds, each of which may fail in its own way. */

interface Config {
  readonly Version: { readonly Index: number }
  readonly Spec: object
}

type State = 'well' | 'down' | 'headless'

describe('the lease in a native swarm', () => {
  let raft: Config | undefined
  let states: State[]
  let asked: string[]
  let cell: LeaseCell

  const record: LeaseRecord = { holder: 'a:1', token: 't', term: 1, ttlMs: 3000, beat: 1 }

  beforeEach(() => {
    raft = undefined
    states = ['well', 'well', 'well']
    asked = []
    const managers = [0, 1, 2].map(manager)
    cell = swarmCell({ find: () => Promise.resolve(managers) })
  })

  function manager(index: number): Engine {
    return {
      endpoint: { kind: 'tcp', host: `m${index}`, port: 2375 },
      apiVersion: () => Promise.resolve('1.41'),
      hijack: () => Promise.reject(new Error('not asked for')),
      close: () => Promise.resolve(),
      request: (r) => {
        asked.push(`${index} ${r.method} ${r.path}`)
        return new Promise((resolve) => resolve(answer(index, r)))
      },
    }
  }

  function answer(index: number, { method, path, query, body }: EngineRequest): EngineReply {
    if (states[index] === 'down') throw new FlotillaError('engine/unreachable', `cannot reach engine m${index}`)
    if (states[index] === 'headless') {
      throw new FlotillaError('engine/server', 'rpc error: The swarm does not have a leader.', { status: 500 })
    }
    if (method === 'GET') {
      if (raft === undefined) throw new FlotillaError('engine/not-found', 'config not found', { status: 404 })
      return reply(raft)
    }
    if (path === '/configs/create') {
      if (raft !== undefined) throw new FlotillaError('engine/conflict', 'config already exists', { status: 409 })
      raft = { Version: { Index: 10 }, Spec: body as object }
      return reply({ ID: 'c' })
    }
    if (raft?.Version.Index !== Number(query?.['version'])) {
      throw new FlotillaError('engine/server', 'rpc error: update out of sequence', { status: 500 })
    }
    raft = { Version: { Index: raft.Version.Index + 1 }, Spec: body as object }
    return reply({})
  }

  function reply(value: unknown): EngineReply {
    const text = JSON.stringify(value)
    return {
      status: 200,
      headers: {},
      body: Readable.from([]),
      json: <T>() => Promise.resolve(value as T),
      text: () => Promise.resolve(text),
      bytes: () => Promise.resolve(Buffer.from(text)),
      async *documents<T>() {
        yield value as T
      },
    }
  }

  it('is written by who saw its last version, and by nobody else', async () => {
    const first = await cell.write(record, undefined, {})
    expect([await cell.read({}), await cell.write({ ...record, token: 'u' }, undefined, {})]).toEqual([
      { record, version: first },
      undefined,
    ])
    const second = await cell.write({ ...record, beat: 2 }, first, {})
    expect(second).not.toBe(first)
    expect(await cell.write({ ...record, token: 'u', beat: 2 }, first, {})).toBe(undefined)
    expect((await cell.read({}))?.record).toEqual({ ...record, beat: 2 })
  })

  it('that somebody else wrote right after is not taken for ours', async () => {
    const version = await cell.write(record, undefined, {})
    let reads = 0
    const overtaken = swarmCell({
      find: () =>
        Promise.resolve([
          {
            ...manager(0),
            request: (r) => {
              if (r.method === 'GET' && (reads += 1) === 1) {
                const labels = { 'flotilla.leader.token': 'u', 'flotilla.leader.term': '2' }
                raft = { Version: { Index: 99 }, Spec: { Labels: labels } }
              }
              return Promise.resolve(answer(0, r))
            },
          },
        ]),
    })
    expect(await overtaken.write({ ...record, beat: 2 }, version, {})).toBe(undefined)
  })

  it('is asked of the other managers when one is down, and then of the one that answered', async () => {
    states = ['down', 'well', 'well']
    const version = await cell.write(record, undefined, {})
    expect(asked).toEqual(['0 POST /configs/create', '1 POST /configs/create', '1 GET /configs/flotilla.leader'])
    asked = []
    expect((await cell.read({}))?.version).toBe(version)
    expect(asked).toEqual(['1 GET /configs/flotilla.leader'])
  })

  it('without a majority is neither read nor written, and what to do is told, not done', async () => {
    const version = await cell.write(record, undefined, {})
    states = ['headless', 'down', 'down']
    asked = []
    for (const attempt of [
      () => cell.read({}),
      () => cell.write({ ...record, beat: 2 }, version, {}),
      () => cell.write(record, undefined, {}),
    ]) {
      states = states.toReversed()
      const error = await attempt().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toMatchObject({
        code: 'cluster/unhealthy',
        message: expect.stringContaining('cannot hold the lease'),
      })
    }
    await expect(cell.read({})).rejects.toThrow(/does not have a leader.*plain containers go on\..*--force-new-cluster/)
    expect(asked.filter((call) => !call.includes('/configs/'))).toEqual([])
  })

  it('gives no advice to begin anew where managers only cannot be reached', async () => {
    states = ['down', 'down', 'down']
    const error = (await cell.read({}).catch((reason: unknown) => reason)) as Error
    expect(error.message).toBe('native swarm mode cannot hold the lease: cannot reach engine m2')
  })
})
