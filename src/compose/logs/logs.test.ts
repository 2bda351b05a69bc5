import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withTimestamps } from './sink.ts'
import type { LogSink } from './sink.ts'
import { pump } from './stream.ts'
import { parseLogTime } from './time.ts'

function memorySink(): LogSink & { text: string } {
  return {
    text: '',
    announce() {},
    write(_name, _stream, text) {
      this.text += text
    },
    note() {},
    watchNote() {},
    end() {},
  }
}

async function* chunks(pieces: readonly Buffer[]): AsyncGenerator<{ stream: 'stdout'; data: Buffer }> {
  for (const data of pieces) yield { stream: 'stdout', data }
}

describe('output', () => {
  it('arrives whole however it is cut, also inside characters', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.array(fc.nat(20)), async (text, cuts) => {
        const bytes = Buffer.from(text)
        const pieces: Buffer[] = []
        let from = 0
        for (const cut of cuts) {
          pieces.push(bytes.subarray(from, from + cut))
          from = Math.min(bytes.length, from + cut)
        }
        pieces.push(bytes.subarray(from))
        const sink = memorySink()
        await pump(chunks(pieces), 'web-1', sink)
        expect(sink.text).toBe(text)
      }),
      { numRuns: 50 },
    )
  })

  it('is read no faster than it is taken', async () => {
    let read = 0
    async function* endless(): AsyncGenerator<{ stream: 'stdout'; data: Buffer }> {
      for (; read < 5; read += 1) yield { stream: 'stdout', data: Buffer.from('x') }
    }
    const gates: (() => void)[] = []
    const sink = { ...memorySink(), room: () => new Promise<void>((resolve) => gates.push(resolve)) }
    const pumping = pump(endless(), 'web-1', sink)
    await expect.poll(() => gates.length).toBe(1)
    expect(read).toBe(0)
    gates[0]?.()
    await expect.poll(() => gates.length).toBe(2)
    expect(read).toBe(1)
    sink.room = () => Promise.resolve()
    gates[1]?.()
    await pumping
    expect(read).toBe(5)
  })

  it('gets the time once a line, however lines arrive', () => {
    const inner = memorySink()
    const sink = withTimestamps(
      { ...inner, write: (name, stream, text) => inner.write(name, stream, text) },
      { nowMs: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() },
    )
    for (const piece of ['a', 'b\nc', '\n', 'd\n']) sink.write('web-1', 'stdout', piece)
    const now = '1970-01-01T00:00:00.000000000Z'
    expect(inner.text).toBe(`${now} ab\n${now} c\n${now} d\n`)
  })
})

describe('times of logs', () => {
  const nowMs = Date.UTC(2026, 0, 2, 0, 0, 10)

  it.each([
    ['1700000000', '1700000000'],
    ['1700000000.5', '1700000000.5'],
    ['10s', '1767312000.000000000'],
    ['1500ms', '1767312008.500000000'],
    ['2026-01-02T00:00:00Z', '1767312000.000000000'],
    ['2026-01-02T01:00+01:00', '1767312000.000000000'],
    ['2026-01-02Z', '1767312000.000000000'],
  ])('%s is %s', (text, expected) => {
    expect(parseLogTime(text, nowMs)).toBe(expected)
  })

  it('anything else is named', () => {
    for (const text of ['', 'yesterday', '2026-13-45']) {
      expect(() => parseLogTime(text, nowMs)).toThrow(`failed to parse value as time or duration: "${text}"`)
    }
  })
})
