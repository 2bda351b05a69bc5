import { describe, expect, it } from 'vitest'
import type { Log } from '../../core/log.ts'
import type { Foreign } from '../../io/ring-file.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { chainStart, readLine } from './line.ts'
import type { AuditFields } from './line.ts'
import { AuditWriter } from './writer.ts'

interface Bed {
  readonly clock: ManualClock
  readonly writer: AuditWriter
  /** What came to the file, a text per write; `rotate` stands for itself. */
  readonly writes: string[]
  readonly said: string[]
  lines(): readonly AuditFields[]
  /** The next writes fail, until it is taken back. */
  break(message: string | undefined): void
  /** Writes hang until the result is called. */
  hang(): () => void
}

function start(segmentBytes = 1_000_000): Bed {
  const clock = manualClock()
  const writes: string[] = []
  const said: string[] = []
  const log: Log = {
    debug() {},
    info: (message) => said.push(`info ${message}`),
    warn: (message) => said.push(`warn ${message}`),
    error: (message) => said.push(`error ${message}`),
  }
  let problem: string | undefined
  let held: Promise<void> | undefined
  let length = 0
  const file = {
    segmentBytes,
    get length() {
      return length
    },
    async append(bytes: Buffer): Promise<Foreign> {
      await held
      if (problem !== undefined) throw new Error(problem)
      writes.push(bytes.toString())
      length += bytes.length
      return 'none'
    },
    async rotate() {
      writes.push('rotate')
      length = 0
    },
    async close() {
      writes.push('close')
    },
  }
  return {
    clock,
    writes,
    said,
    writer: new AuditWriter({ file, end: chainStart, path: '/a', clock, log }),
    lines: () =>
      writes
        .filter((each) => each.startsWith('{'))
        .flatMap((each) => each.trimEnd().split('\n'))
        .map((each) => {
          const read = readLine(each)
          if (typeof read === 'string') throw new Error(read)
          return read.fields
        }),
    break(message) {
      problem = message
    },
    hang() {
      let release = (): void => {}
      held = new Promise((resolve) => (release = resolve))
      return () => {
        held = undefined
        release()
      }
    },
  }
}

describe('the writer of the audit log', () => {
  it('chains lines, and writes together what comes while the disk works', async () => {
    const bed = start()
    const release = bed.hang()
    bed.writer.add({ n: 1 })
    await bed.clock.advance(0)
    bed.writer.add({ n: 2 })
    bed.writer.add({ n: 3 })
    release()
    await expect.poll(() => bed.writes.length).toBe(2)
    expect(bed.lines()).toMatchObject([
      { seq: 1, n: 1, prev: '0'.repeat(64) },
      { seq: 2, n: 2, prev: bed.lines()[0]?.['hash'] },
      { seq: 3, n: 3, prev: bed.lines()[1]?.['hash'] },
    ])
    expect(bed.writer.read()).toEqual({
      lines: 3,
      lastWriteMs: bed.clock.nowMs(),
      failures: 0,
      lost: 0,
      refused: 0,
      isFailing: false,
    })
    await bed.writer.close()
    expect(bed.writes.at(-1)).toBe('close')
  })

  it('begins a segment where a line has no room, and splits what came together', async () => {
    const bed = start(1000)
    for (let n = 0; n < 7; n += 1) bed.writer.add({ n, text: 'x'.repeat(150) })
    await bed.writer.close()
    // Some 330 bytes each: three to a segment.
    expect(bed.writes.map((each) => (each.startsWith('{') ? each.trimEnd().split('\n').length : each))).toEqual([
      3,
      'rotate',
      3,
      'rotate',
      1,
      'close',
    ])
    expect(bed.lines().map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  it('resolves only when the line is on disk', async () => {
    const bed = start()
    const release = bed.hang()
    let isDone = false
    const written = bed.writer.durable({ n: 1 }).then(() => (isDone = true))
    await bed.clock.advance(9000)
    expect(isDone).toBe(false)
    release()
    await written
    expect(bed.lines()).toHaveLength(1)
  })

  it('keeps lines while the disk is full, tells the log once, and tells who waits at once', async () => {
    const bed = start()
    bed.break('ENOSPC: no space left on device')
    bed.writer.add({ n: 1 })
    await expect(bed.writer.durable({ n: 2 })).rejects.toMatchObject({
      status: 503,
      message:
        'nothing was done: the audit log is required (swarm.audit.required) and cannot be written: ENOSPC: no space left on device',
    })
    await bed.clock.advance(3500)
    // Known to be broken: no write is tried for it.
    const before = bed.writer.read().failures
    await expect(bed.writer.durable({ n: 3 })).rejects.toThrow('nothing was done')
    expect(bed.writer.read()).toMatchObject({ lines: 0, refused: 2, lost: 0, isFailing: true, failures: before })
    expect(before).toBeGreaterThanOrEqual(3)
    expect(bed.said).toEqual(['error the audit log cannot be written: ENOSPC: no space left on device'])
    bed.break(undefined)
    await bed.clock.advance(1000)
    expect(bed.said.slice(1)).toEqual(['info the audit log /a can be written again'])
    expect(bed.lines()).toMatchObject([
      { seq: 1, kind: 'gap', lost: 0, refused: 2 },
      { seq: 2, n: 1 },
    ])
    await bed.writer.durable({ n: 4 })
    expect(bed.lines().at(-1)).toMatchObject({ seq: 3, n: 4 })
    expect(bed.writer.read().isFailing).toBe(false)
  })

  it('holds no more than its bound, and says later how many lines were lost and since when', async () => {
    const bed = start(100_000_000)
    bed.break('EIO')
    bed.writer.add({ n: 0 })
    await bed.clock.advance(0)
    const since = new Date(bed.clock.nowMs()).toISOString()
    for (let n = 1; n <= 100; n += 1) bed.writer.add({ n, text: 'x'.repeat(100_000) })
    const { lost } = bed.writer.read()
    expect(lost).toBeGreaterThan(10)
    expect(lost).toBeLessThan(30)
    bed.break(undefined)
    await bed.clock.advance(1000)
    await bed.writer.close()
    const lines = bed.lines()
    expect(lines.filter(({ kind }) => kind === 'gap')).toMatchObject([{ lost, refused: 0, since }])
    expect(lines).toHaveLength(101 - lost + 1)
    // Room again.
    expect(bed.writer.read()).toMatchObject({ lost, lines: lines.length })
  })

  it('lets nobody wait for a disk that hangs', async () => {
    const bed = start()
    const release = bed.hang()
    const written = expect(bed.writer.durable({ n: 1 })).rejects.toMatchObject({
      status: 503,
      message: expect.stringContaining('did not take it within 10 s') as string,
    })
    await bed.clock.advance(1000)
    const second = expect(bed.writer.durable({ n: 2 })).rejects.toThrow('did not take it within 10 s')
    await bed.clock.advance(9000)
    await written
    await bed.clock.advance(1000)
    await second
    bed.writer.add({ n: 3 })
    release()
    await bed.writer.close()
    // The disk had begun to take the first; the second never comes about.
    const lines = bed.lines()
    expect(lines.filter(({ kind }) => kind !== 'gap').map(({ n }) => n)).toEqual([1, 3])
    expect(lines.find(({ kind }) => kind === 'gap')).toMatchObject({ lost: 0, refused: 2 })
  })

  it('refuses who would wait where too many wait already', async () => {
    const bed = start()
    const release = bed.hang()
    const waiting = Array.from({ length: 90 }, (_, n) => bed.writer.durable({ n, text: 'x'.repeat(100_000) }))
    const outcomes = Promise.allSettled(waiting)
    await bed.clock.advance(0)
    release()
    const refused = (await outcomes).filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(3)
    expect(refused[0]).toMatchObject({
      reason: { status: 503, message: expect.stringContaining('too many lines wait') as string },
    })
    await bed.writer.close()
    expect(bed.lines().filter(({ kind }) => kind !== 'gap')).toHaveLength(90 - refused.length)
  })

  it('tries once more when it ends, and then gives up', async () => {
    const bed = start()
    bed.break('EIO')
    bed.writer.add({ n: 1 })
    await bed.clock.advance(0)
    await bed.writer.close()
    expect(bed.said.at(-1)).toBe('error the audit log lacks 1 lines of this run')
    bed.writer.add({ n: 2 })
    await expect(bed.writer.durable({ n: 3 })).rejects.toThrow('cannot be written')
  })
})
