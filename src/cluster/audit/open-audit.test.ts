import { appendFile, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import type { Log } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { readRing } from '../../io/ring-lines.ts'
import type { Audit } from './audit.ts'
import { readLine } from './line.ts'
import { openAudit } from './open-audit.ts'
import { ChainWalk } from './verify.ts'
import type { ChainBreak, ChainReport } from './verify.ts'

let folder = ''
let path = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-audit-'))
  path = join(folder, 'log')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function open(maxBytes = 1024 * 1024, log: Log = silentLog): Promise<Audit> {
  return openAudit({ path, maxBytes, isRequired: false, clock: systemClock, log })
}

async function walk(): Promise<ChainReport | ChainBreak> {
  const chain = new ChainWalk()
  for await (const line of readRing(path, systemClock)) {
    const broken = chain.take(line)
    if (broken !== undefined) return broken
  }
  return chain.report()
}

describe('an audit log that is opened', () => {
  it('begins a chain, and a later manager goes on with it', async () => {
    await (await open()).close()
    const audit = await open()
    audit.note('reschedule', { name: 'web', error: 'https://joe:hunter2@x is away' })
    await audit.close()
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await walk()).toMatchObject({ lines: 5, segments: 1, first: { end: { seq: 1 } }, last: { end: { seq: 5 } } })
    const kinds = (await readFile(path, 'utf8')).trimEnd().split('\n')
    expect(kinds.map((line) => (JSON.parse(line) as { what: string }).what)).toEqual([
      'start',
      'stop',
      'start',
      'reschedule',
      'stop',
    ])
    expect(kinds[3]).toContain('"error":"https://***@x is away"')
    expect(await readdir(folder)).toEqual(['log'])
  })

  it('goes on over many segments, of which the oldest go', async () => {
    const audit = await open()
    for (let n = 0; n < 4000; n += 1) audit.note('x', { n, text: 'x'.repeat(200) })
    await audit.close()
    const report = await walk()
    expect(report).toMatchObject({ segments: 8 })
    if (!('lines' in report)) throw new Error(report.why)
    expect(report.first?.end.seq).toBeGreaterThan(1)
    expect(report.last?.end.seq).toBe(4002)
    const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size))
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(1024 * 1024)
    await (await open()).close()
    expect(await walk()).toMatchObject({ last: { end: { seq: 4004 } } })
    // Somebody died between two segments.
    await rm(path)
    await (await open()).close()
    expect(await walk()).toMatchObject({ segments: 8 })
  })

  it.each([
    ['half a line', '{"seq":4,"time":"2026'],
    ['zeros, as a power cut leaves them', '\0'.repeat(300)],
    ['a line without its end', undefined],
  ])('puts aside %s that a crash has left, and says so', async (_, rest) => {
    await (await open()).close()
    const whole = await readFile(path, 'utf8')
    if (rest === undefined) await truncate(path, whole.length - 1)
    else await appendFile(path, rest)
    const warnings: string[] = []
    await (await open(undefined, { ...silentLog, warn: (message) => warnings.push(message) })).close()
    expect(warnings).toEqual([`the last line of the audit log ${path} was cut off: its rest is in ${path}.torn`])
    expect(await walk()).toMatchObject({ lines: rest === undefined ? 3 : 4 })
    const text = await readFile(path, 'utf8')
    const kept = await readFile(`${path}.torn`, 'utf8')
    expect(kept).toBe(`${rest ?? whole.trimEnd().split('\n')[1]}\n`)
    expect((await stat(`${path}.torn`)).mode & 0o777).toBe(0o600)
    const start = text.trimEnd().split('\n').at(-2) ?? ''
    expect(readLine(start)).toMatchObject({
      fields: { what: 'start', torn: { bytes: kept.length - 1, kept: `${path}.torn` } },
    })
  })

  it('does not go on with a last line that was changed, nor with another file', async () => {
    await (await open()).close()
    await writeFile(path, (await readFile(path, 'utf8')).replace('"what":"stop"', '"what":"play"'))
    await expect(open()).rejects.toMatchObject({
      message: `cannot go on with the audit log ${JSON.stringify(path)}: its last line: it was changed: its hash does not fit`,
      hint: expect.stringContaining(`swarm audit verify ${path}`) as string,
    })
    await writeFile(path, 'something else\n')
    await expect(open()).rejects.toThrow('it is no line of an audit log')
    expect(await readFile(path, 'utf8')).toBe('something else\n')
  })

  it('is written by one manager at a time', async () => {
    const audit = await open()
    await expect(open()).rejects.toThrow(`audit log ${JSON.stringify(path)} is in use by process ${process.pid}`)
    await audit.close()
    await (await open()).close()
  })

  it('is taken over from a container that is no more', async () => {
    await writeFile(`${path}.lock`, JSON.stringify({ pid: process.pid, computer: 'other', boot: '', nonce: 'x' }))
    await (await open()).close()
    expect(await walk()).toMatchObject({ lines: 2 })
  })
})
