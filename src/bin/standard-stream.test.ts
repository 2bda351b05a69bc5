import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isTerminal, standInFor } from './standard-stream.ts'

let folder = ''
let fd = -1
let opened: PassThrough[] = []

function openAt(path: string, flags: string | number): NodeJS.WriteStream {
  fd = openSync(path, flags)
  return standInFor(fd, () => {
    opened.push(new PassThrough())
    return opened[0] as unknown as NodeJS.WriteStream
  })
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'standard-stream-'))
  opened = []
})
afterEach(() => {
  if (fd >= 0) closeSync(fd)
  fd = -1
  rmSync(folder, { recursive: true, force: true })
})

function writeAndWait(output: NodeJS.WriteStream, data: string | Uint8Array): Promise<Error | null | undefined> {
  return new Promise((resolve) => {
    output.write(data, (error) => resolve(error))
  })
}

test('short output is written at once, in the encoding it is given in, and no stream is opened for it', async () => {
  const path = join(folder, 'out')
  const output = openAt(path, 'w')
  output.on('error', () => {})
  expect(output.write('ä\n')).toBe(true)
  expect(output.write(new Uint8Array([0xff, 0x0a]))).toBe(true)
  expect(output.write('4142', 'hex')).toBe(true)
  expect(readFileSync(path, 'latin1')).toBe('Ã¤\n\u00ff\nAB')
  expect(await writeAndWait(output, '')).toBeUndefined()
  expect([output.isTTY, output.destroyed, output.writableLength]).toEqual([false, false, 0])
  expect(opened).toEqual([])
})

test('more than a pipe takes goes through the stream, all that follows too', () => {
  const path = join(folder, 'out')
  const output = openAt(path, 'w')
  output.write('first\n')
  output.write('x'.repeat(33_000))
  output.write('last\n')
  expect(readFileSync(path, 'utf8')).toBe('first\n')
  expect(String(opened[0]?.read())).toBe(`${'x'.repeat(33_000)}last\n`)
  expect(opened).toHaveLength(1)
})

test('whatever else is asked of it opens the stream, with the listeners for errors that it has', () => {
  const output = openAt(join(folder, 'out'), 'w')
  const errors: Error[] = []
  output.on('error', (error) => errors.push(error))
  output.once('drain', () => {})
  expect(opened[0]?.listenerCount('drain')).toBe(1)
  const failure = new Error('gone')
  opened[0]?.emit('error', failure)
  expect(errors).toEqual([failure])
  new PassThrough().end('piped').pipe(output)
  expect(output instanceof PassThrough).toBe(true)
  expect('writableHighWaterMark' in output).toBe(true)
})

test('a failed write is told to the listeners and to each caller from then on', async () => {
  const output = openAt('/dev/null', 'r')
  const errors: NodeJS.ErrnoException[] = []
  output.on('error', (error: NodeJS.ErrnoException) => errors.push(error))
  expect(output.write('lost')).toBe(false)
  expect(await writeAndWait(output, 'lost too')).toMatchObject({ code: 'EBADF' })
  expect(errors.map(({ code }) => code)).toEqual(['EBADF'])
  expect(opened).toEqual([])
})

test.skipIf(process.platform === 'win32')(
  'what a full pipe that does not wait refuses is left to the stream (needs mkfifo)',
  () => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    const output = openAt(path, constants.O_RDWR | constants.O_NONBLOCK)
    const filler = Buffer.alloc(4096)
    expect(() => {
      for (;;) writeSync(fd, filler)
    }).toThrow('EAGAIN')
    output.write('waits')
    expect(String(opened[0]?.read())).toBe('waits')
  },
)

test('no terminal is behind a file, the null device and a descriptor that is closed', () => {
  fd = openSync(join(folder, 'out'), 'w')
  const none = openSync('/dev/null', 'r')
  expect([isTerminal(fd), isTerminal(none)]).toEqual([false, false])
  closeSync(none)
  expect(isTerminal(none)).toBe(false)
})
