import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLargeJson } from './large-json.ts'
import { countTurns } from '../testing/count-turns.ts'

function read(text: string): Promise<unknown> {
  return parseLargeJson(Buffer.from(text), 128)
}

describe('a large answer', () => {
  it('means what JSON.parse says, whatever it is', async () => {
    const list = fc.array(fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()))
    const value = fc.oneof(
      list,
      fc.record({ Volumes: list, Warnings: fc.jsonValue() }),
      fc.dictionary(fc.string(), fc.jsonValue()),
    )
    await fc.assert(
      fc.asyncProperty(value, fc.integer({ min: 0, max: 3 }), async (each, indent) => {
        const text = ` ${JSON.stringify(each, undefined, indent)}\n`
        expect(await read(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it('is read in slices: others have their turn', async () => {
    const rows = Array.from({ length: 10_000 }, (_, index) => ({ Id: index, Labels: { text: 'ü]"[{'.repeat(20) } }))
    const endTurns = countTurns()
    expect(await read(JSON.stringify(rows))).toEqual(rows)
    expect(await read(JSON.stringify({ Volumes: rows, Warnings: null }))).toEqual({ Volumes: rows, Warnings: null })
    expect(endTurns()).toBeGreaterThan(8)
  })

  it.each([
    '[{},]',
    '[,{}]',
    '[{}{}]',
    '[{},,{}]',
    '[{}',
    '[{}]x',
    '[{"a":}]',
    '{"V":[{}]',
    '{"V":[{}],}',
    '[{}}]',
    '',
  ])('%j is no JSON', async (text) => {
    await expect(read(text)).rejects.toThrow('the answer is not JSON')
  })

  it.each([
    [`[${'['.repeat(200)}${']'.repeat(200)}]`],
    [`[{"a":${'['.repeat(127)}${']'.repeat(127)}}]`],
    [`{"V":[{"a":${'['.repeat(126)}${']'.repeat(126)}}]}`],
  ])('that nests deeper than 128 levels is refused: %.12s', async (text) => {
    await expect(read(text)).rejects.toThrow('nests deeper than 128 levels')
  })

  it('of exactly 128 levels is read', async () => {
    const text = `[{"a":${'['.repeat(126)}${']'.repeat(126)}}]`
    expect(await read(text)).toEqual(JSON.parse(text))
  })
})
