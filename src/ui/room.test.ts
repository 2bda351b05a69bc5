import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { untilDrained, waitForRoom } from './room.ts'

it('there is room until a reader is far behind, and again when it has caught up', async () => {
  const waiting: (() => void)[] = []
  const slow = new Writable({ write: (_piece, _encoding, done) => void waiting.push(done) })
  const other = new Writable({ write: (_piece, _encoding, done) => done() })
  slow.write('x')
  expect(waitForRoom([slow, other])).toBeUndefined()
  slow.write('x'.repeat(100_000))
  let hasRoom = false
  const room = waitForRoom([slow, other])?.then(() => {
    hasRoom = true
  })
  expect(room).toBeDefined()
  waiting.shift()?.()
  await Promise.resolve()
  expect(hasRoom).toBe(false)
  waiting.shift()?.()
  await room
  expect(waitForRoom([slow])).toBeUndefined()
})

it('nobody waits for a stream that is closed', async () => {
  const stuck = new Writable({ write: () => {} })
  stuck.write('x'.repeat(100_000))
  const room = waitForRoom([stuck])
  stuck.destroy()
  await room
  expect(waitForRoom([stuck])).toBeUndefined()
  expect(stuck.write('x')).toBe(false)
  await untilDrained(stuck)
})
