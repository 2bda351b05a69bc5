import { Buffer } from 'node:buffer'
import { beforeEach, describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import { silentLog } from '../../core/log.ts'
import type { EngineReply, EngineRequest } from '../../engine/engine.ts'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import type { Api } from '../api/call.ts'
import { GENERATION_LABEL } from '../model.ts'
import type { NodeView } from '../model.ts'
import { defaultLimits } from '../limits.ts'
import { RecordBook } from './book.ts'
import { memoryRecords } from './record-store.ts'
import { removeLeft } from './remove-left.ts'

/** An engine, what is shown of it, and what it has. */
let clock: ManualClock
let book: RecordBook
let shown: NodeView
let has: readonly { readonly Id: string; readonly Labels: Record<string, string> }[]
let asked: string[]
let isSilent: boolean

const api = (): Api => {
  const request = async ({ method, path }: EngineRequest): Promise<EngineReply> => {
    asked.push(`${method} ${path}`)
    if (isSilent) throw new FlotillaError('engine/timeout', 'no answer')
    return { bytes: () => Promise.resolve(Buffer.from(JSON.stringify(has))) } as unknown as EngineReply
  }
  const member = { view: shown, engine: { request }, limits: defaultLimits, send: () => undefined }
  const cluster = { clock, log: silentLog, memberOf: () => member }
  return { cluster, role: { mayAct: () => Promise.resolve(true) } } as unknown as Api
}

beforeEach(async () => {
  clock = manualClock()
  book = new RecordBook(memoryRecords(), silentLog)
  shown = makeNode('b', { engineId: 'b-id' })
  has = []
  asked = []
  isSilent = false
  const left = [{ engineId: 'b-id', containerId: '', generation: 2 }]
  const removed = { swarmId: 's1', name: 'web' } as Parameters<typeof book.removed.keep>[0]
  await book.removed.keep(removed, left)
})

const tidy = async (): Promise<boolean> => {
  await removeLeft(api(), book, shown)
  return book.removed.hasCopiesOn('b-id')
}

describe('a copy that an engine may have made, of a container that was removed', () => {
  it('is waited for, and off the record when the engine says after a minute that there is none', async () => {
    expect(await tidy()).toBe(true)
    await clock.advance(59_000)
    expect([await tidy(), asked]).toEqual([true, []])
    await clock.advance(1000)
    expect([await tidy(), asked]).toEqual([false, ['GET /containers/json']])
  })

  it('is removed when it shows', async () => {
    await tidy()
    const copy = { id: 'late', swarmId: 's1', labels: new Map([[GENERATION_LABEL, '2']]) }
    shown = makeNode('b', { engineId: 'b-id', containers: [makeContainer('web', copy)] })
    expect([await tidy(), asked]).toEqual([false, ['DELETE /containers/late']])
  })

  it('is removed when only the engine itself knows of it; what is newer is another container', async () => {
    await tidy()
    await clock.advance(60_000)
    has = [
      { Id: 'other', Labels: { [GENERATION_LABEL]: '3' } },
      { Id: 'late', Labels: { [GENERATION_LABEL]: '1' } },
    ]
    expect([await tidy(), asked]).toEqual([false, ['GET /containers/json', 'DELETE /containers/late']])
  })

  it('stays on record while the engine does not answer, and its time begins anew after that', async () => {
    await tidy()
    await clock.advance(60_000)
    isSilent = true
    expect(await tidy()).toBe(true)
    book.removed.forgetMissing('b-id')
    isSilent = false
    expect(await tidy()).toBe(true)
    await clock.advance(60_000)
    expect(await tidy()).toBe(false)
  })
})
