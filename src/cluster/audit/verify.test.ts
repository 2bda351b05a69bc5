import { describe, expect, it } from 'vitest'
import { chainStart, readLine, renderFields, renderLine } from './line.ts'
import { ChainWalk } from './verify.ts'
import type { ChainBreak } from './verify.ts'

/** A log of so many lines. */
function makeLines(count: number, more: Readonly<Record<string, unknown>> = {}): string[] {
  let end = chainStart
  return Array.from({ length: count }, (_, n) => {
    const line = renderLine(renderFields({ time: `2026-01-01T00:00:0${n % 10}Z`, kind: 'done', n, ...more }), end)
    end = line.end
    return line.text
  })
}

/** Walks segments, the oldest first. */
function walk(segments: readonly (readonly string[])[], anchor?: string): ChainBreak | string | ChainWalk {
  const [seq = '', hash = ''] = anchor?.split(':') ?? []
  const chain = new ChainWalk(anchor === undefined ? undefined : { seq: Number(seq), hash })
  for (const [at, lines] of segments.entries()) {
    for (const [index, text] of lines.entries()) {
      const broken = chain.take({ file: `s${at}`, number: index + 1, text, isEnded: true })
      if (broken !== undefined) return broken
    }
  }
  return chain.end() ?? chain
}

function anchorOf(text: string | undefined): string {
  const read = readLine(text ?? '')
  return typeof read === 'string' ? read : `${read.end.seq}:${read.end.hash}`
}

describe('a line', () => {
  it('covers its fields and the line before', () => {
    const [first = '', second = ''] = makeLines(2)
    expect(first).toMatch(
      /^\{"seq":1,"time":"2026-01-01T00:00:00Z","kind":"done","n":0,"prev":"0{64}","hash":"[0-9a-f]{64}"\}$/,
    )
    const read = readLine(second)
    expect(read).toMatchObject({ end: { seq: 2 }, fields: { n: 1 }, prev: anchorOf(first).slice(2) })
  })

  it('may hold what looks like the end of a line', () => {
    const text = `","hash":"${'0'.repeat(64)}"}`
    const line = renderLine(renderFields({ path: text }), chainStart)
    expect(readLine(line.text)).toMatchObject({ fields: { path: text } })
  })
})

describe('the walk along a chain', () => {
  const lines = makeLines(9)
  const segments = [lines.slice(0, 3), lines.slice(3, 6), lines.slice(6)]

  it('finds nothing wrong with what was written, also when the oldest segments are gone', () => {
    const whole = walk(segments)
    expect(whole instanceof ChainWalk && whole.report()).toMatchObject({
      lines: 9,
      segments: 3,
      first: { end: { seq: 1 } },
      last: { end: { seq: 9 } },
      gaps: [],
    })
    const rest = walk(segments.slice(1))
    expect(rest instanceof ChainWalk && rest.report()).toMatchObject({ lines: 6, first: { end: { seq: 4 } } })
    expect(walk([])).toBeInstanceOf(ChainWalk)
  })

  const changed = (index: number, change: (line: string) => string): string[][] => [
    lines.slice(0, 3),
    lines.slice(3, 6).map((line, at) => (at === index ? change(line) : line)),
    lines.slice(6),
  ]

  it.each<[string, readonly (readonly string[])[], ChainBreak]>([
    [
      'a changed value',
      changed(1, (line) => line.replace('"n":4', '"n":5')),
      { file: 's1', number: 2, why: 'it was changed: its hash does not fit' },
    ],
    [
      'a changed hash',
      changed(0, (line) => line.replace(/"hash":"(.)/, (_, digit) => `"hash":"${digit === 'a' ? 'b' : 'a'}`)),
      { file: 's1', number: 1, why: 'it was changed: its hash does not fit' },
    ],
    [
      'a line taken out',
      [lines.slice(0, 3), lines.slice(4, 6), lines.slice(6)],
      { file: 's1', number: 1, why: 'it is number 5 after 3: a line is missing' },
    ],
    [
      'a segment taken out',
      [lines.slice(0, 3), lines.slice(6)],
      { file: 's1', number: 1, why: 'it is number 7 after 3: lines are missing' },
    ],
    [
      'a line put in twice',
      [lines.slice(0, 3), [lines[3] ?? '', ...lines.slice(3, 6)], lines.slice(6)],
      { file: 's1', number: 2, why: 'it is number 4 after 4: lines were put in, or in another order' },
    ],
    [
      'lines in another order',
      [lines.slice(0, 3), [lines[4] ?? '', lines[3] ?? '']],
      { file: 's1', number: 1, why: 'it is number 5 after 3: a line is missing' },
    ],
    [
      'a line of somebody else',
      [[...lines.slice(0, 2), makeLines(3, { who: 'x' })[2] ?? '']],
      { file: 's0', number: 3, why: 'it does not join on to line 2' },
    ],
    ['an empty line', [['']], { file: 's0', number: 1, why: 'it is no line of an audit log' }],
    ['a line of another log', [['{"a":1}']], { file: 's0', number: 1, why: 'it is no line of an audit log' }],
  ])('finds %s', (_, wrong, broken) => {
    expect(walk(wrong)).toEqual(broken)
  })

  it('finds a line that is cut off', () => {
    const chain = new ChainWalk()
    const text = (lines[0] ?? '').slice(0, -10)
    expect(chain.take({ file: 'f', number: 1, text, isEnded: false })).toMatchObject({
      why: expect.stringContaining('cut off') as string,
    })
  })

  it('with an anchor finds lines cut off the end, and a log that was written anew', () => {
    const anchor = anchorOf(lines[8])
    expect(walk(segments, anchor)).toBeInstanceOf(ChainWalk)
    expect(walk(segments, anchorOf(lines[4]))).toBeInstanceOf(ChainWalk)
    expect(walk([lines.slice(0, 8)], anchor)).toBe(
      'line 9 is expected, and the log ends with 8: lines were cut off its end',
    )
    expect(walk([], anchor)).toBe('line 9 is expected, and the log ends with nothing: lines were cut off its end')
    expect(walk([makeLines(9, { who: 'x' })], anchor)).toMatchObject({
      number: 9,
      why: 'its hash is not the expected one: the log was written anew',
    })
    expect(walk(segments.slice(1), anchorOf(lines[1]))).toBe(
      'line 2 is expected, and the log begins with 4: it has been dropped',
    )
  })

  it('tells of lines that say that others were lost', () => {
    const first = renderLine(renderFields({ kind: 'gap', lost: 3 }), chainStart)
    const whole = walk([[first.text]])
    expect(whole instanceof ChainWalk && whole.report().gaps).toMatchObject([{ fields: { lost: 3 } }])
  })
})
