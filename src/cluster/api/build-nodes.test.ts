import { expect, it } from 'vitest'
import { manualClock } from '../../testing/manual-clock.ts'
import { BuildNodes } from './build-nodes.ts'

const never = new AbortController().signal

it('whoever waits for a build or session hears of it, in time or not at all', async () => {
  const clock = manualClock()
  const nodes = new BuildNodes(clock)
  const heard = nodes.wait('build', 'b', 5000, never)
  const other = nodes.wait('session', 'b', 5000, never)
  nodes.set('build', 'b', 'n1:2375')
  expect(await heard).toBe('n1:2375')
  expect(await nodes.wait('build', 'b', 5000, never)).toBe('n1:2375')
  await clock.advance(5000)
  expect(await other).toBeUndefined()
  nodes.delete('build', 'b')
  expect(nodes.get('build', 'b')).toBeUndefined()
})

it('a client that goes away waits no longer', async () => {
  const nodes = new BuildNodes(manualClock())
  const gone = new AbortController()
  const waiting = nodes.wait('session', 's', 5000, gone.signal)
  gone.abort()
  expect(await waiting).toBeUndefined()
  expect(await nodes.wait('session', 's', 5000, gone.signal)).toBeUndefined()
})

it('a client goes back to its engine for an hour, and as long as a tunnel is open', async () => {
  const clock = manualClock()
  const nodes = new BuildNodes(clock)
  nodes.count('10.0.0.1', 'a', 1)
  await clock.advance(3 * 3_600_000)
  expect([nodes.ofClient('10.0.0.1'), nodes.isOpen('10.0.0.1')]).toEqual(['a', true])
  nodes.count('10.0.0.1', 'a', -1)
  await clock.advance(3_599_000)
  expect([nodes.ofClient('10.0.0.1'), nodes.isOpen('10.0.0.1')]).toEqual(['a', false])
  // A tunnel of an engine that the client has left says nothing about the new one.
  nodes.count('10.0.0.1', 'b', 1)
  nodes.count('10.0.0.1', 'a', -1)
  expect([nodes.ofClient('10.0.0.1'), nodes.isOpen('10.0.0.1')]).toEqual(['b', true])
  nodes.count('10.0.0.1', 'b', -1)
  await clock.advance(3_600_001)
  expect(nodes.ofClient('10.0.0.1')).toBeUndefined()
})

it('keeps no more than a few thousand, oldest gone first', () => {
  const nodes = new BuildNodes(manualClock())
  for (let index = 0; index < 5000; index += 1) nodes.set('session', String(index), 'a')
  expect([nodes.get('session', '0'), nodes.get('session', '4999')]).toEqual([undefined, 'a'])
})
