import type process from 'node:process'
import { PassThrough, Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { openInput } from './standard-input.ts'

/** What is read of an input that ends while it is paused, and forgets so when it goes on, as that of Bun does. */
async function readPaused(isBun: boolean): Promise<string> {
  const input = new Readable({ read: () => {} })
  input.on('resume', () => {
    if (!input.isPaused()) Object.assign(Reflect.get(input, '_readableState') as object, { ended: false })
  })
  const stdin = openInput(input as unknown as typeof process.stdin, isBun)
  let seen = ''
  stdin.on('data', (piece: Buffer) => {
    seen += String(piece)
    if (seen !== 'first ') return
    stdin.pause()
    input.push('last')
    input.push(null)
    setImmediate(() => stdin.resume())
  })
  stdin.on('end', () => (seen += '.'))
  input.push('first ')
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  return seen
}

it('an input that ends while it is paused goes on to its end under Bun', async () => {
  expect(await readPaused(false)).toBe('first last')
  expect(await readPaused(true)).toBe('first last.')
})

it('leaves alone who came to listen after it was opened, and the streams of Node', () => {
  const stdin = new PassThrough() as unknown as typeof process.stdin
  openInput(stdin, true)
  stdin.on('resume', () => {})
  expect(openInput(stdin, true).listenerCount('resume')).toBe(1)
  const other = new PassThrough() as unknown as typeof process.stdin
  other.on('resume', () => {})
  expect(openInput(other, false).listenerCount('resume')).toBe(1)
})
