import { Buffer } from 'node:buffer'
import { beforeEach, describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import { silentLog } from '../../core/log.ts'
import type { EngineReply, EngineRequest } from '../../engine/engine.ts'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { Api } from '../api/call.ts'
import { defaultLimits } from '../limits.ts'
import { GENERATION_LABEL } from '../model.ts'
import type { NodeView } from '../model.ts'
import { RecordBook } from './book.ts'
import { memoryRecords } from './record-store.ts'
import { removeDuplicates } from './remove-duplicates.ts'

/** A node that is back with a container that was made anew on another one meanwhile. */
const copy = (id: string, generation: string): ReturnType<typeof makeContainer> =>
  makeContainer('web', { id, swarmId: 's1', state: 'running', labels: new Map([[GENERATION_LABEL, generation]]) })
const back = makeNode('a', { engineId: 'a-id', containers: [copy('old', '0')] })
const other = makeNode('b', { engineId: 'b-id', containers: [copy('new', '1')] })

let asked: string[]
let mayAct: boolean
let isReplacementThere: boolean

const api = (): Api => {
  const request = async ({ method, path }: EngineRequest): Promise<EngineReply> => {
    asked.push(`${method} ${path}`)
    if (method === 'GET' && !isReplacementThere)
      throw new FlotillaError('engine/not-found', 'no such container', { status: 404 })
    return { bytes: () => Promise.resolve(Buffer.from('{}')) } as unknown as EngineReply
  }
  const found = [back, other].map((node) => ({ node, item: node.containers[0] }))
  const memberOf = (view: NodeView): unknown => ({
    view,
    engine: { request },
    limits: defaultLimits,
    send: () => undefined,
  })
  const directory = { containersOfSwarmId: () => found }
  const cluster = { clock: manualClock(), log: silentLog, memberOf, directory }
  return { cluster, role: { mayAct: () => Promise.resolve(mayAct) } } as unknown as Api
}

const tidy = (isBusy = false): ReturnType<typeof removeDuplicates> =>
  removeDuplicates(api(), new RecordBook(memoryRecords(), silentLog), back, () => isBusy)

beforeEach(() => {
  asked = []
  mayAct = true
  isReplacementThere = true
})

describe('a copy of a container that was made anew elsewhere', () => {
  it('is removed once the engine of the other one says that it is there', async () => {
    expect(await tidy()).toEqual({ isSettled: true, isCurrent: true, isUnanswered: false })
    expect(asked).toEqual(['GET /containers/new/json', 'DELETE /containers/old'])
  })

  it('is looked at again when the store did not confirm in time that this manager leads', async () => {
    mayAct = false
    expect(await tidy()).toMatchObject({ isSettled: false })
    expect(asked).not.toContain('DELETE /containers/old')
  })

  it('is looked at again when the other one is not there', async () => {
    isReplacementThere = false
    expect(await tidy()).toMatchObject({ isSettled: false })
    expect(asked).not.toContain('DELETE /containers/old')
  })

  it('is looked at again when the move of it has ended', async () => {
    expect(await tidy(true)).toMatchObject({ isSettled: false })
    expect(asked).toEqual([])
  })
})
