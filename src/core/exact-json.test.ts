import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ExactNumber, parseExactJson, renderExactJson, renderPlainJson } from './exact-json.ts'

describe('exact JSON', () => {
  it('agrees with JSON.parse on every JSON value, whatever the indentation', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 4 }), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent)
        expect(JSON.parse(renderExactJson(parseExactJson(text), indent))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('never throws anything but its own error, and accepts exactly what JSON.parse accepts', () => {
    const letters = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      'u',
      '1',
      '-',
      '.',
      'e',
      ' ',
      'null',
      'true',
      'x',
      '\n',
    )
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 12 }), (parts) => {
        const text = parts.join('')
        let isValid = true
        try {
          JSON.parse(text)
        } catch {
          isValid = false
        }
        if (isValid) parseExactJson(text)
        else expect(() => parseExactJson(text)).toThrow(/^(?:invalid character|unexpected end)/)
      }),
      { numRuns: 2000 },
    )
  })

  it('numbers that a double cannot hold keep their digits', () => {
    const text = '[9007199254740993,1.50,-0,1e400,12345678901234567890,7]'
    const value = parseExactJson(text)
    expect(value).toEqual([
      new ExactNumber('9007199254740993'),
      new ExactNumber('1.50'),
      new ExactNumber('-0'),
      new ExactNumber('1e400'),
      new ExactNumber('12345678901234567890'),
      7,
    ])
    expect(renderExactJson(value)).toBe(text)
  })

  it('a key called __proto__ is a key', () => {
    const value = parseExactJson('{"__proto__":{"a":1},"constructor":2}')
    expect(renderExactJson(value)).toBe('{"__proto__":{"a":1},"constructor":2}')
    expect(Reflect.get({}, 'a')).toBeUndefined()
  })

  it('writes what Go writes: HTML characters, line separators and control characters escaped', () => {
    expect(renderExactJson('<a href="x">&\u2028\b\f\n\\b\\\\f')).toBe(
      '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028\\u0008\\u000c\\n\\\\b\\\\\\\\f"',
    )
    expect(renderExactJson({ a: [], b: {}, c: [1, { d: null }], e: undefined }, 4)).toBe(
      '{\n    "a": [],\n    "b": {},\n    "c": [\n        1,\n        {\n            "d": null\n        }\n    ]\n}',
    )
  })

  it('writes for programs what JSON.parse reads as the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        expect(JSON.parse(renderPlainJson(parseExactJson(text)))).toEqual(JSON.parse(text))
      }),
    )
    expect(renderPlainJson({ a: '<\b', b: new ExactNumber('1.0') })).toBe('{"a":"<\\b","b":1.0}')
  })

  it('has as many values as are allowed, of any kind', () => {
    expect(parseExactJson('{"a":[1,null,"b"]}', 128, 5)).toEqual({ a: [1, null, 'b'] })
    expect(() => parseExactJson('{"a":[1,null,"b"]}', 128, 4)).toThrow('JSON has more than 4 values')
  })

  it('100,000 levels are an error, not the end of the process', () => {
    expect(() => parseExactJson('['.repeat(100_000))).toThrow('JSON is nested deeper than 128 levels')
  })
})
