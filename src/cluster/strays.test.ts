import { Buffer } from 'node:buffer'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { silentLog } from '../core/log.ts'
import type { Engine, EngineReply } from '../engine/engine.ts'
import { makeContainer, makeNode } from '../testing/cluster-builders.ts'
import type { ContainerView } from './model.ts'
import { Strays } from './strays.ts'
import type { StraySearch } from './strays.ts'

const reply: EngineReply = {
  status: 204,
  headers: {},
  body: Readable.from([]),
  json: () => Promise.reject(new Error('no body')),
  text: () => Promise.resolve(''),
  bytes: () => Promise.resolve(Buffer.alloc(0)),
  documents: () => Readable.from([]) as AsyncIterable<never>,
}

interface Bed {
  readonly search: StraySearch
  /** What the engine was asked and the watch was told. */
  readonly said: readonly string[]
  /** What is found from now on. */
  show(container: ContainerView | undefined): void
  fails: boolean
  isThere: boolean
}

function makeBed(): Bed {
  const said: string[] = []
  let found: ContainerView | undefined
  const engine: Engine = {
    endpoint: { kind: 'tcp', host: 'a', port: 2375 },
    apiVersion: () => Promise.resolve('1.41'),
    request: ({ method, path }) => {
      said.push(`${method} ${path}`)
      return bed.fails ? Promise.reject(new Error('no')) : Promise.resolve(reply)
    },
    hijack: () => Promise.reject(new Error('not in this test')),
    readAll: () => Promise.reject(new Error('not in this test')),
    close: () => Promise.resolve(),
  }
  const member = {
    engine,
    name: 'a',
    limits: { callSeconds: 30 },
    send: (message: { readonly kind: string }): void => void said.push(message.kind),
  }
  const bed: Bed = {
    search: {
      log: silentLog,
      find: () => (found === undefined ? undefined : { node: makeNode('a'), item: found }),
      member: () => (bed.isThere ? member : undefined),
    },
    said,
    show: (container) => {
      found = container
    },
    fails: false,
    isThere: true,
  }
  return bed
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const minuteMs = 60_000

describe('a container that may come about after its create was given up', () => {
  it('is removed when it does, once', async () => {
    const strays = new Strays()
    const bed = makeBed()
    strays.expect('swarm-id', 0)
    strays.removeFound(bed.search, 1000)
    expect(bed.said).toEqual([])
    bed.show(makeContainer('web', { id: 'w', state: 'created' }))
    strays.removeFound(bed.search, 2000)
    strays.removeFound(bed.search, 3000)
    await turn()
    expect(bed.said).toEqual(['DELETE /containers/w', 'forgotten'])
  })

  it('is tried again when it could not be removed, or its engine is out', async () => {
    const strays = new Strays()
    const bed = makeBed()
    strays.expect('swarm-id', 0)
    bed.show(makeContainer('web', { id: 'w', state: 'created' }))
    bed.isThere = false
    strays.removeFound(bed.search, 1000)
    expect(bed.said).toEqual([])
    bed.isThere = true
    bed.fails = true
    strays.removeFound(bed.search, 2000)
    await turn()
    bed.fails = false
    strays.removeFound(bed.search, 3000)
    await turn()
    expect(bed.said).toEqual(['DELETE /containers/w', 'DELETE /containers/w', 'forgotten'])
  })

  it('stays when somebody has started it', async () => {
    const strays = new Strays()
    const bed = makeBed()
    strays.expect('swarm-id', 0)
    bed.show(makeContainer('web', { state: 'running' }))
    strays.removeFound(bed.search, 1000)
    await turn()
    expect(bed.said).toEqual([])
  })

  it('is not looked for any more after ten minutes', async () => {
    const strays = new Strays()
    const bed = makeBed()
    strays.expect('swarm-id', 0)
    strays.removeFound(bed.search, 10 * minuteMs)
    bed.show(makeContainer('web', { state: 'created' }))
    strays.removeFound(bed.search, 10 * minuteMs + 1)
    await turn()
    expect(bed.said).toEqual([])
  })
})
