import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { toOutput } from './streams.ts'

const endpoint = { kind: 'tcp', host: '192.0.2.1', port: 2375 } as const

async function readToEnd(socket: PassThrough, isFramed: boolean): Promise<unknown> {
  try {
    for await (const { data } of toOutput(socket, isFramed, endpoint).output) expect(data.toString()).toBe('x')
    return 'ended'
  } catch (error) {
    return error
  }
}

function lost(code: string): Error {
  return Object.assign(new Error(`${code}: it is over, read`), { code })
}

it.each([
  ['ETIMEDOUT', 'connection timed out'],
  ['ECONNRESET', 'connection reset by the engine'],
  ['EHOSTUNREACH', 'no route to the host'],
])('a stream that ends with %s names its engine, framed or not', async (code, why) => {
  for (const isFramed of [true, false]) {
    const socket = new PassThrough()
    socket.write(isFramed ? Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 120]) : 'x')
    setTimeout(() => socket.destroy(lost(code)), 5)
    expect(await readToEnd(socket, isFramed)).toMatchObject({
      code: 'engine/unreachable',
      message: `cannot reach engine "tcp://192.0.2.1:2375": ${why}`,
    })
  }
})

it.each([
  ['<html>hello', 'unexpected bytes 3c68746d6c3e6865 where a frame head belongs'],
  [Buffer.from([1, 0, 0]), 'the output ended in the middle of a frame'],
])('one that has no frames where there are some to be, too', async (bytes, why) => {
  const socket = new PassThrough()
  socket.end(bytes)
  expect(await readToEnd(socket, true)).toMatchObject({
    code: 'engine/protocol',
    message: `invalid answer from engine "tcp://192.0.2.1:2375": ${why}`,
  })
})

it('one that was told to end, or ends by a mistake of ours, says what it was told', async () => {
  const mistake = new TypeError('ours')
  const socket = new PassThrough()
  socket.destroy(mistake)
  expect(await readToEnd(socket, true)).toBe(mistake)
})
