import { expect, it } from 'vitest'
import { Owed } from './owed.ts'

it('keeps every path until it has arrived, and tells of the same failure once', () => {
  const owed = new Owed()
  expect(owed.pauseMs).toBeUndefined()
  expect(owed.add('web', ['/a'], 'gone')).toEqual({ count: 1, isNews: true })
  expect(owed.add('web', ['/a'], 'gone')).toEqual({ count: 1, isNews: false })
  expect(owed.add('web', ['/b'], 'gone')).toEqual({ count: 2, isNews: true })
  expect(owed.add('web', ['/b'], 'read-only')).toEqual({ count: 2, isNews: true })
  expect([owed.services, owed.pathsOf('web'), owed.pathsOf('db')]).toEqual([['web'], ['/a', '/b'], []])
  expect([owed.settle('web'), owed.settle('web')]).toEqual([true, false])
  expect(owed.pathsOf('web')).toEqual([])
})

it('waits longer after each round that failed, to a limit, and anew from the beginning', () => {
  const owed = new Owed()
  const pauses: (number | undefined)[] = []
  for (let round = 0; round < 7; round += 1) {
    owed.add('web', ['/a'], 'gone')
    pauses.push(owed.pauseMs)
    owed.endRound()
  }
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  owed.settle('web')
  owed.endRound()
  owed.add('web', ['/a'], 'gone')
  expect(owed.pauseMs).toBe(1000)
})
