import { describe, expect, it } from 'vitest'
import { makeContainer } from '../../testing/cluster-builders.ts'
import { GENERATION_LABEL } from '../model.ts'
import type { ContainerView } from '../model.ts'
import { addLeft, isThatCopy, listLeft } from './left-copy.ts'
import { parseRecord, renderRecord } from './record.ts'
import type { ContainerRecord } from './record.ts'

function made(generation: number, id = 'x'): ContainerView {
  return makeContainer('web', { id, swarmId: 's1', labels: new Map([[GENERATION_LABEL, String(generation)]]) })
}

const record: ContainerRecord = {
  swarmId: 's1',
  name: 'web',
  isRunning: true,
  ended: undefined,
  generation: 3,
  home: { engineId: 'a', addr: 'a:2375', node: 'a', containerId: 'old' },
  body: {},
  networks: [],
  volumes: [],
  hasPolicy: true,
  move: {
    kind: 'drain',
    target: { engineId: 'b', addr: 'b:2375', node: 'b' },
    wanted: '',
    attempts: 1,
    sinceMs: 0,
  },
  history: [],
  left: [{ engineId: 'c', containerId: 'older' }],
}

describe('copies that are left behind', () => {
  it('are told by their ID, or by engine and generation where no engine has said one', () => {
    const unsure = { engineId: 'b', containerId: '', generation: 3 }
    expect(isThatCopy({ engineId: 'b', containerId: 'x' }, 'b', made(0))).toBe(true)
    expect(isThatCopy({ engineId: 'b', containerId: 'y' }, 'b', made(3))).toBe(false)
    expect([0, 1, 3, 4].map((generation) => isThatCopy(unsure, 'b', made(generation)))).toEqual([
      false,
      true,
      true,
      false,
    ])
    expect(isThatCopy(unsure, 'a', made(3))).toBe(false)
  })

  it('include what an engine was asked for last, once for each engine, and survive the store', () => {
    const left = listLeft(record)
    expect(left).toEqual([
      { engineId: 'c', containerId: 'older' },
      { engineId: 'b', containerId: '', generation: 3 },
    ])
    const later = listLeft({ ...record, generation: 4, left })
    expect(later.filter((each) => each.engineId === 'b')).toEqual([{ engineId: 'b', containerId: '', generation: 4 }])
    expect(listLeft({ ...record, move: undefined })).toBe(record.left)
    expect(parseRecord(renderRecord({ ...record, left: later }))?.left).toEqual(later)
  })

  it('are so many at most; the oldest are let go', () => {
    const many = Array.from({ length: 20 }, (_, index) => ({ engineId: 'c', containerId: `c${index}` }))
    const left = addLeft(many, { engineId: 'd', containerId: 'newest' })
    expect([left.length, left[0]?.containerId, left.at(-1)?.containerId]).toEqual([16, 'c5', 'newest'])
  })
})
