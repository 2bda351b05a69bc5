import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import type { Personality } from './personality.ts'
import { makeLog } from './log.ts'
import type { LogOptions } from './log.ts'

/** A log, and how often its stream was written to. */
function makeSubject(
  id: Personality['id'],
  globals: Readonly<Record<string, string>> = {},
): {
  readonly log: ReturnType<typeof makeLog>
  readonly writes: readonly string[]
} {
  const writes: string[] = []
  const stderr = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      writes.push(chunk)
      done()
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => String(chunk)).join(''))
      done()
    },
  })
  const world = { stderr, stdout: stderr, clock: { nowMs: () => 0 }, terminal: { isStderrTty: false } }
  const options = { personality: { id }, path: [], globals, world } as unknown as LogOptions
  return { log: makeLog(options), writes }
}

function countLines(text: string | undefined): number {
  return (text ?? '').split('\n').length - 1
}

it('what a server tells in one turn goes out in one write', async () => {
  const { log, writes } = makeSubject('swarm')
  log.info('Registered Engine a')
  log.info('Registered Engine b')
  expect(writes).toEqual([])
  await new Promise((resolve) => setImmediate(resolve))
  expect(writes.map(countLines)).toEqual([2])
  log.info('Registered Engine c')
  await new Promise((resolve) => setImmediate(resolve))
  expect(writes.map(countLines)).toEqual([2, 1])
})

it('a warning does not wait, nor does what stands before it', async () => {
  const { log, writes } = makeSubject('swarm')
  log.info('Registered Engine a')
  log.error('lost the lease')
  expect(writes.map(countLines)).toEqual([2])
  expect(writes[0]).toMatch(/Registered Engine a[\s\S]*lost the lease/)
  await new Promise((resolve) => setImmediate(resolve))
  expect(writes).toHaveLength(1)
})

it('a command writes each line at once', () => {
  const { log, writes } = makeSubject('docker-compose')
  log.info('one')
  log.info('two')
  expect(writes.map(countLines)).toEqual([1, 1])
})

it('warnings of docker-compose are JSON among progress that is', () => {
  const { log, writes } = makeSubject('docker-compose', { progress: 'json' })
  log.warn('The "A" variable is not set.')
  expect(writes).toEqual([
    '{"level":"warning","msg":"The \\"A\\" variable is not set.","time":"1970-01-01T00:00:00Z"}\n',
  ])
})
