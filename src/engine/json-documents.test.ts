import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeDocumentReader, makeNestingGuard, parseJsonBody } from './json-documents.ts'

function readAll(pieces: readonly Buffer[]): unknown[] {
  const reader = makeDocumentReader()
  const out = pieces.flatMap((piece) => reader.push(piece))
  return [...out, ...reader.end()]
}

describe('the document reader', () => {
  it('finds the same documents however they are separated and cut', () => {
    const document = fc.oneof(
      fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })),
      fc.array(fc.jsonValue({ maxDepth: 2 })),
    )
    const separator = fc.constantFrom('', '\n', '\r\n', ' ')
    fc.assert(
      fc.property(fc.array(fc.tuple(document, separator)), fc.array(fc.nat({ max: 30 })), (documents, sizes) => {
        const wire = Buffer.from(documents.map(([value, after]) => JSON.stringify(value) + after).join(''))
        const pieces: Buffer[] = []
        let at = 0
        for (const size of sizes) {
          pieces.push(wire.subarray(at, at + size))
          at += size
        }
        pieces.push(wire.subarray(at))
        const expected: unknown = JSON.parse(JSON.stringify(documents.map(([value]) => value)))
        expect(readAll(pieces)).toEqual(expected)
      }),
      { numRuns: 1000 },
    )
  })

  it('reads bare values by line', () => {
    expect(readAll([Buffer.from('1\ntrue\n"a b"\nnull')])).toEqual([1, true, 'a b', null])
  })

  it('refuses text that is not JSON and shows its beginning', () => {
    expect(() => readAll([Buffer.from('<html>oops</html>\n')])).toThrow('the answer is not JSON: "<html>oops</html>"')
  })

  it('refuses a stream that ends inside a document', () => {
    expect(() => readAll([Buffer.from('{"a":1}{"b":')])).toThrow(`the answer is not JSON: "{\\"b\\":"`)
  })

  it('refuses deep nesting before it parses, and keys like __proto__ stay ordinary', () => {
    const deep = Buffer.from('['.repeat(100_000))
    expect(() => readAll([deep])).toThrow('the answer nests deeper than 128 levels')
    const guard = makeNestingGuard()
    guard(Buffer.from('['.repeat(128)))
    expect(() => guard(Buffer.from('['))).toThrow('the answer nests deeper than 128 levels')
    makeNestingGuard()(Buffer.from(`"${'['.repeat(1000)}"`))
    expect(parseJsonBody(Buffer.from(`"${'['.repeat(1000)}"`))).toBe('['.repeat(1000))
    const parsed = parseJsonBody(Buffer.from('{"__proto__":{"polluted":true}}')) as object
    expect(Object.hasOwn(parsed, '__proto__')).toBe(true)
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })
})
