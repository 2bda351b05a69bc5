import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { GobDecoder } from './decoder.ts'
import { GobEncoder } from './encoder.ts'
import { GobComplex, gobInt, GobInterface, gobString, gobUint } from './type.ts'
import type { GobType, GobValue } from './type.ts'

/** Bytes that a Go program wrote: `test/fixtures/go-vectors/main.go`. */
const text = readFileSync(new URL('../../../test/fixtures/go-vectors/vectors.txt', import.meta.url), 'utf8')
const vectors = new Map(
  text
    .trim()
    .split('\n')
    .map((line) => line.split('\t') as [string, string]),
)

function bytesOf(name: string): Buffer {
  const hex = vectors.get(name)
  if (hex === undefined) throw new Error(`no vector ${name}`)
  return Buffer.from(hex, 'hex')
}

function decode(name: string): readonly GobValue[] {
  const decoder = new GobDecoder()
  const values: GobValue[] = []
  // A byte at a time: a value may be cut anywhere.
  for (const byte of bytesOf(name)) {
    decoder.push(Uint8Array.of(byte))
    for (let next = decoder.next(); next !== undefined; next = decoder.next()) values.push(next.value)
  }
  return values
}

const circle = (fields: object): GobInterface => new GobInterface('*main.Circle', fields as GobValue)
const shapes = [
  circle({ At: {}, Radius: 2 }),
  new GobInterface('*main.Label', { Text: 'x', Lines: ['p', 'q'] }),
  null,
  circle({ At: { X: 9, Y: 9 } }),
]

describe('what Go wrote', () => {
  it.each(['0', '1', '-1', '63', '64', '-65', '1048576', '9223372036854775807', '-9223372036854775808'])(
    'int %s, and written again the same bytes',
    (number) => {
      const [value] = decode(`int ${number}`)
      expect(`${value as number}`).toBe(number)
      expect(Buffer.from(new GobEncoder().encode(gobInt, value))).toEqual(bytesOf(`int ${number}`))
    },
  )

  const point: GobType = {
    kind: 'struct',
    name: 'Point',
    fields: [
      { name: 'X', type: gobInt },
      { name: 'Y', type: gobInt },
    ],
  }

  it('the same bytes for structs, lists and maps', () => {
    const encoder = new GobEncoder()
    const twice = [encoder.encode(point, { X: 3, Y: -4 }), encoder.encode(point, { X: 0, Y: 7 })]
    // Go gave its own types the numbers from 65 on in the order of the program, as we do.
    expect(Buffer.concat(twice)).toEqual(bytesOf('struct twice'))
    expect(Buffer.from(new GobEncoder().encode(gobUint, 2n ** 64n - 1n))).toEqual(bytesOf('uint max'))
    const texts = new GobEncoder()
    const all = ['', 'none', 'grüße 🐳'].map((value) => texts.encode(gobString, value))
    expect(Buffer.concat(all)).toEqual(bytesOf('texts'))
  })

  it.each<readonly [string, readonly unknown[]]>([
    ['uint max', [2n ** 64n - 1n]],
    ['floats', [0, 1, -2.5, Number.MAX_VALUE, Number.MIN_VALUE]],
    ['texts', ['', 'none', 'grüße 🐳']],
    ['bytes', [Uint8Array.of(0, 1, 255)]],
    ['struct twice', [{ X: 3, Y: -4 }, { Y: 7 }]],
    ['list of texts', [['a', '']]],
    ['map', [new Map([['one', 1]])]],
    ['tree', [{ Name: 'root', Children: [{ Name: 'left' }, { Name: 'right', Children: [{ Name: 'leaf' }] }] }]],
    ['interface', [circle({ At: { X: 1, Y: 2 }, Radius: 1.5 })]],
    ['list of interfaces', [shapes]],
    ['map of anything', [new Map([['list', new GobInterface('[]string', ['a', 'b'])]])]],
  ])('%s', (name, expected) => {
    expect(decode(name)).toEqual(expected)
  })

  it('a struct with a field of every kind', () => {
    const [value] = decode('everything')
    expect(value).toMatchObject({
      Yes: true,
      Small: -8,
      Big: 2n ** 60n,
      Count: 2n ** 63n,
      Ratio: 0.1,
      Wave: new GobComplex(1, -1),
      Raw: Uint8Array.from(Buffer.from('raw')),
      Text: 'text',
      Fixed: [1, 0, 2],
      Names: new Map([['n', 1]]),
      Nested: { X: 5, Y: 6 },
      // A type that encodes itself arrives as its bytes.
      When: expect.any(Uint8Array),
      Any: new GobInterface('string', 'any'),
      Shapes: shapes,
    })
  })

  it('cut in two anywhere give what they give in one piece, and nothing twice', () => {
    for (const name of vectors.keys()) {
      const bytes = bytesOf(name)
      const whole = new GobDecoder()
      whole.push(bytes)
      const wanted = takeAll(whole)
      for (let length = 0; length < bytes.length; length += 1) {
        const decoder = new GobDecoder()
        decoder.push(bytes.subarray(0, length))
        const first = takeAll(decoder)
        decoder.push(bytes.subarray(length))
        expect([...first, ...takeAll(decoder)]).toEqual(wanted)
      }
    }
  })
})

function takeAll(decoder: GobDecoder): readonly unknown[] {
  const values: unknown[] = []
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) values.push(next)
  return values
}
