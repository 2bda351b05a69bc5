import { Buffer } from 'node:buffer'
import { expect, it } from 'vitest'
import { ResponseBody } from './response-body.ts'

function makeBody(): { readonly body: ResponseBody; readonly calls: string[] } {
  const calls: string[] = []
  const body = new ResponseBody({
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    abandon: () => calls.push('abandon'),
  })
  return { body, calls }
}

const big = Buffer.alloc(40 * 1024, 'x')

it('pieces come in order, those that arrived before anybody asked too, and end with the body', async () => {
  const { body, calls } = makeBody()
  body.push(Buffer.from('a'))
  const pieces: string[] = []
  const reading = (async () => {
    for await (const piece of body.chunks()) pieces.push(piece.toString())
  })()
  await Promise.resolve()
  body.push(Buffer.from('b'))
  body.push(Buffer.from('c'))
  body.end()
  await reading
  expect(pieces).toEqual(['a', 'b', 'c'])
  expect(calls).not.toContain('abandon')
})

it('the peer is held up while the consumer has more before it than is held for it', async () => {
  const { body, calls } = makeBody()
  const pieces = body.chunks()
  const first = pieces.next()
  await Promise.resolve()
  body.push(big)
  body.push(big)
  calls.length = 0
  body.push(big)
  expect(calls).toEqual(['pause'])
  await first
  expect(body.isPaused).toBe(true)
  await pieces.next()
  await pieces.next()
  expect(calls).toEqual(['pause', 'resume'])
  expect(body.isPaused).toBe(false)
})

it('what arrived is handed over before the failure behind it', async () => {
  const { body } = makeBody()
  body.push(Buffer.from('last words'))
  body.fail(new Error('the connection was closed'))
  const pieces = body.chunks()
  expect((await pieces.next()).value?.toString()).toBe('last words')
  await expect(pieces.next()).rejects.toThrow('the connection was closed')
})

it('a consumer that waits hears of a failure, and a second one that there is nothing for it', async () => {
  const { body, calls } = makeBody()
  const pieces = body.chunks()
  const next = pieces.next()
  await Promise.resolve()
  body.fail(new Error('reset'))
  await expect(next).rejects.toThrow('reset')
  await expect(body.chunks().next()).rejects.toThrow('the body of an answer was read twice')
  expect(calls).not.toContain('abandon')
})

it('a consumer that leaves gives up the connection, once', async () => {
  const { body, calls } = makeBody()
  let closed = 0
  body.onClosed(() => (closed += 1))
  body.push(Buffer.from('a'))
  body.push(Buffer.from('b'))
  for await (const piece of body.chunks()) {
    expect(piece.toString()).toBe('a')
    break
  }
  body.push(Buffer.from('c'))
  expect(calls.filter((call) => call === 'abandon')).toHaveLength(1)
  expect(closed).toBe(1)
})
