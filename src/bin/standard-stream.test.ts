import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import type * as nodeFs from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isTerminal, standInFor } from './standard-stream.ts'

const disk = vi.hoisted(() => ({ isFull: false }))
vi.mock('node:fs', async (load) => {
  const fs = await load<typeof nodeFs>()
  const writeWithRoom = (...args: Parameters<typeof fs.writeSync>): number => {
    if (disk.isFull) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    return fs.writeSync(...args)
  }
  return { ...fs, writeSync: writeWithRoom }
})

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
  expect(errors.map(({ code }) => code)).toEqual(['EBADF', 'EBADF'])
  expect(opened).toEqual([])
})

test('after a full disk has room again, what is written then is there', async () => {
  const path = join(folder, 'log')
  const output = openAt(path, 'a')
  const errors: NodeJS.ErrnoException[] = []
  output.on('error', (error: NodeJS.ErrnoException) => errors.push(error))
  disk.isFull = true
  output.write('lost\n')
  disk.isFull = false
  output.write('kept\n')
  expect(readFileSync(path, 'utf8')).toBe('kept\n')
  await new Promise((resolve) => setImmediate(resolve))
  expect(errors.map(({ code }) => code)).toEqual(['ENOSPC'])
})

/** A pipe that nobody reads yet, as Bun shows it: it never tells what waits, and is done with an empty write at once. */
function openAsBun(): { readonly output: NodeJS.WriteStream; readonly read: (error?: Error) => void } {
  const waiting: ((error?: Error) => void)[] = []
  const stream = new Writable()
  stream.write = ((data: Uint8Array, done: (error?: Error) => void) => {
    if (data.length > 0) waiting.push(done)
    else done()
    return data.length === 0
  }) as Writable['write']
  fd = openSync('/dev/null', 'w')
  const output = standInFor(fd, () => stream as unknown as NodeJS.WriteStream)
  output.on('error', () => {})
  return { output, read: (error) => waiting.shift()?.(error) }
}

test('what the stream has not taken is told, and callbacks come in the order of the writes', async () => {
  const { output, read } = openAsBun()
  const told: string[] = []
  expect(output.write('x'.repeat(40_000), () => told.push('first'))).toBe(false)
  expect(output.write('ä', () => told.push('second'))).toBe(false)
  expect(output.writableLength).toBe(40_002)
  output.write('', () => told.push('flushed'))
  await new Promise((resolve) => setImmediate(resolve))
  expect(told).toEqual([])
  read()
  expect([output.writableLength, told]).toEqual([2, ['first']])
  read()
  expect([output.writableLength, told]).toEqual([0, ['first', 'second', 'flushed']])
  expect(await writeAndWait(output, '')).toBeUndefined()
})

test('a write that fails after the stream was opened is told to its caller, and nothing waits for it', () => {
  const { output, read } = openAsBun()
  const told: unknown[] = []
  const failure = new Error('nobody reads')
  output.write('x'.repeat(40_000), (error) => told.push(error))
  output.write('', (error) => told.push(error))
  read(failure)
  expect([output.writableLength, told]).toEqual([0, [failure, undefined]])
})

test('what the stream itself tells of counts too', () => {
  const path = join(folder, 'out')
  fd = openSync(path, 'w')
  const stuck = new Writable({ write: () => {}, highWaterMark: 100_000 })
  const output = standInFor(fd, () => stuck as unknown as NodeJS.WriteStream)
  expect(output.write('x'.repeat(40_000))).toBe(true)
  expect(output.writableLength).toBe(40_000)
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
