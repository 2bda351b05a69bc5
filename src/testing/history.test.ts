import { describe, expect, it } from 'vitest'
import { History, checkHistory } from './history.ts'

async function told(history: History, name: string, id: string | undefined): Promise<void> {
  await history.record('create', name, () => Promise.resolve(id))
}

describe('the checker', () => {
  it('is content when what was acknowledged is there, and nothing else', async () => {
    const history = new History(() => 0)
    await told(history, 'a', '1')
    await told(history, 'b', '2')
    await told(history, 'c', undefined)
    await history.record('remove', 'b', () => Promise.resolve('2'))
    expect(checkHistory(history.operations, [{ engine: 'n1', id: '1', name: 'a' }])).toEqual([])
    expect([history.count('create', 'ok'), history.count('create', 'failed')]).toEqual([2, 1])
  })

  it('takes either outcome of what nobody was told the end of', async () => {
    const history = new History(() => 0)
    await history.record('create', 'a', () => Promise.reject(new Error('reset'))).catch(() => undefined)
    expect(checkHistory(history.operations, [])).toEqual([])
    expect(checkHistory(history.operations, [{ engine: 'n1', id: '1', name: 'a' }])).toEqual([])
  })

  it('names what is lost, doubled, left over and unknown', async () => {
    const history = new History(() => 0)
    await told(history, 'lost', '1')
    await told(history, 'twice', '2')
    await told(history, 'refused', undefined)
    await told(history, 'gone', '4')
    await told(history, 'other', '6')
    await history.record('remove', 'gone', () => Promise.resolve('4'))
    const real = [
      { engine: 'n1', id: '2', name: 'twice' },
      { engine: 'n2', id: '2', name: 'twice' },
      { engine: 'n1', id: '3', name: 'refused' },
      { engine: 'n1', id: '4', name: 'gone' },
      { engine: 'n1', id: '5', name: 'stranger' },
      { engine: 'n1', id: '7', name: 'other' },
      { engine: 'n1', id: '8', name: 'before' },
    ]
    expect(checkHistory(history.operations, real, new Set(['before']))).toEqual([
      'ID 2 is on n1 and n2',
      'lost was acknowledged and is lost',
      'twice is there 2 times, on n1 and n2',
      'refused on n1 should not be there',
      'gone on n1 should not be there',
      'other has another ID than clients were told',
      'stranger on n1 was asked for by nobody',
    ])
  })
})
