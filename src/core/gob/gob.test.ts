import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toMessage } from '../errors.ts'
import { GobDecoder } from './decoder.ts'
import { GobEncoder } from './encoder.ts'
import * as gob from './type.ts'
import type { GobType, GobValue } from './type.ts'

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function decodeAll(bytes: Uint8Array, decoder = new GobDecoder()): GobValue[] {
  const values: GobValue[] = []
  decoder.push(bytes)
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) values.push(next.value)
  return values
}

const request: GobType = {
  kind: 'struct',
  name: 'Request',
  fields: [
    { name: 'ServiceMethod', type: gob.gobString },
    { name: 'Seq', type: gob.gobUint },
  ],
}

describe('the bytes of a real conversation', () => {
  it('a definition, a request and the empty struct come out as Go writes them', () => {
    const encoder = new GobEncoder()
    expect(toHex(encoder.encode(request, { ServiceMethod: 'RPCServerDriver.GetVersion', Seq: 0 }))).toBe(
      `2fff810301010752657175657374 01ff82000102010d536572766963654d6574686f64010c00010353657101060000 00 1fff82011a${toHex(
        Buffer.from('RPCServerDriver.GetVersion'),
      )}00`.replaceAll(' ', ''),
    )
    expect(toHex(encoder.encode({ kind: 'struct', name: '', fields: [] }, {}))).toBe('0aff83030102ff8400000003ff8400')
  })

  it('a number and a text in a reply are read', () => {
    expect(decodeAll(hex('03040002'))).toEqual([1])
    expect(decodeAll(hex('070c00046e6f6e65'))).toEqual(['none'])
  })

  it('numbers at the borders of their sizes come back as they were sent', () => {
    const round = (type: GobType, value: number | bigint): GobValue =>
      decodeAll(new GobEncoder().encode(type, value))[0] as GobValue
    for (const value of [0, 1, 127, 128, 255, 256, 258, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2n ** 53n, 2n ** 64n - 1n]) {
      expect(round(gob.gobUint, value)).toBe(value)
    }
    for (const value of [0, -1, 63, 64, -64, -65, 2 ** 31, -(2 ** 31), 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(round(gob.gobInt, value)).toBe(value)
    }
    expect(toHex(new GobEncoder().encode(gob.gobUint, 0x102))).toBe('050600fe0102')
  })
})

describe('any value of any type', () => {
  it('comes back as it was sent, whatever pieces the bytes come in', () => {
    fc.assert(
      fc.property(
        fc.array(typed(3), { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        (items, sizes) => {
          const encoder = new GobEncoder()
          const bytes = Buffer.concat(items.map((item) => encoder.encode(item.type, item.value)))
          const decoder = new GobDecoder()
          const values: GobValue[] = []
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            const size = sizes[turn % sizes.length] ?? 1
            decoder.push(bytes.subarray(at, at + size))
            at += size
            for (let next = decoder.next(); next !== undefined; next = decoder.next()) values.push(next.value)
          }
          expect(values.map(plain)).toEqual(items.map((item) => plain(withoutZeros(item.type, item.value))))
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('hostile bytes', () => {
  const refused = (bytes: Uint8Array, limits = {}): string => {
    try {
      const values = decodeAll(bytes, new GobDecoder(limits))
      return `no error, ${values.length} values`
    } catch (error) {
      return toMessage(error)
    }
  }

  it('end in a value, an error or a wish for more, never in anything else', () => {
    const encoder = new GobEncoder()
    const sample = Buffer.concat([
      encoder.encode(request, { ServiceMethod: 'x', Seq: 3 }),
      encoder.encode(gob.gobInterface, new gob.GobInterface('*a.B', { ServiceMethod: 'y' }, request)),
      encoder.encode({ kind: 'map', key: gob.gobString, element: gob.gobInterface }, new Map([['a', null]])),
    ])
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.tuple(fc.nat(sample.length - 1), fc.uint8Array({ maxLength: 6 })).map(([at, bytes]) => {
            const copy = Buffer.from(sample)
            copy.set(bytes.subarray(0, copy.length - at), at)
            return copy
          }),
        ),
        (bytes) => {
          const said = refused(bytes, { maxMessageBytes: 4096 })
          expect(said).toMatch(/^(?:gob: |no error)/)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('lengths that no message can have are refused before anything is kept', () => {
    expect(refused(hex('f8ffffffffffffffff'))).toMatch(/^gob: a message is longer than/)
    expect(refused(hex('fc7fffffff'))).toMatch(/^gob: a message is longer than/)
    expect(refused(hex('f0'))).toBe('gob: a message has no length')
    expect(refused(hex('07 0c 00 fc7fffffff'))).toMatch(/^gob: a text is longer than/)
  })

  it('lists of more elements than there are bytes', () => {
    const list: GobType = { kind: 'slice', element: gob.gobInt }
    const bytes = Buffer.from(new GobEncoder().encode(list, [1, 2, 3]))
    bytes[bytes.length - 4] = 120
    expect(refused(bytes)).toBe('gob: the message ends too early')
  })

  it('a type that contains itself without end', () => {
    // []T where T is []T: each level costs a byte, so that the depth has to be limited.
    const define = '0d ff81 02 01 02 ff82 00 01 ff82 00 00'.replaceAll(' ', '')
    const body = `ff8200${'01'.repeat(600)}00`
    const size = (body.length / 2).toString(16).padStart(4, '0')
    expect(refused(hex(`${define}fe${size}${body}`))).toBe('gob: a value is nested too deeply')
  })

  it('types without end and one type twice', () => {
    const empty = (id: number): string => {
      const type: GobType = { kind: 'struct', name: '', fields: [] }
      const bytes = Buffer.from(new GobEncoder().encode(type, {})).subarray(0, 11)
      bytes[2] = id * 2 - 1
      return toHex(bytes)
    }
    expect(refused(hex(empty(65) + empty(65)))).toBe('gob: type 65 is defined twice')
    expect(refused(hex(Array.from({ length: 40 }, (_, at) => empty(65 + at)).join('')), { maxTypes: 20 })).toBe(
      'gob: there are too many types',
    )
  })

  it('a value of too many parts', () => {
    const list: GobType = { kind: 'slice', element: gob.gobBool }
    const bytes = new GobEncoder().encode(
      list,
      Array.from({ length: 2000 }, () => false),
    )
    expect(refused(bytes, { maxValues: 1000 })).toBe('gob: a list is longer than 1000')
    expect(decodeAll(bytes)).toHaveLength(1)
  })
})

interface Typed {
  readonly type: GobType
  readonly value: unknown
}

const name = fc.stringMatching(/^[A-Z][a-z]{0,6}$/)

/** A type and a value of it. */
function typed(depth: number): fc.Arbitrary<Typed> {
  const scalars: fc.Arbitrary<Typed>[] = [
    fc.boolean().map((value) => ({ type: gob.gobBool, value })),
    fc.maxSafeInteger().map((value) => ({ type: gob.gobInt, value })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ type: gob.gobInt, value: narrow(value) })),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ({ type: gob.gobUint, value: narrow(value) })),
    fc.double({ noNaN: true }).map((value) => ({ type: gob.gobFloat, value })),
    fc.string({ unit: 'grapheme' }).map((value) => ({ type: gob.gobString, value })),
    fc.uint8Array({ maxLength: 200 }).map((value) => ({ type: gob.gobBytes, value })),
    fc
      .tuple(fc.double({ noNaN: true }), fc.double({ noNaN: true }))
      .map(([re, im]) => ({ type: gob.gobComplex, value: new gob.GobComplex(re, im) })),
  ]
  if (depth === 0) return fc.oneof(...scalars)
  const inner = typed(depth - 1)
  return fc.oneof(
    ...scalars,
    fc.tuple(inner, fc.nat(3)).map(([item, count]) => ({
      type: { kind: 'slice', element: item.type } satisfies GobType,
      value: Array.from({ length: count }, () => item.value),
    })),
    fc.tuple(inner, fc.string()).map(([item, key]) => ({
      type: { kind: 'map', name: 'm', key: gob.gobString, element: item.type } satisfies GobType,
      value: new Map([[key, item.value]]),
    })),
    fc
      .tuple(name, fc.uniqueArray(fc.tuple(name, inner), { maxLength: 4, selector: ([field]) => field }))
      .map(([title, fields]) => ({
        type: {
          kind: 'struct',
          name: title,
          fields: fields.map(([field, item]) => ({ name: field, type: item.type })),
        } satisfies GobType,
        value: Object.fromEntries(fields.map(([field, item]) => [field, item.value])),
      })),
    fc.tuple(name, fc.option(inner)).map(([title, item]) => ({
      type: gob.gobInterface,
      value: item === null ? null : new gob.GobInterface(title, item.value as GobValue, item.type),
    })),
  )
}

function narrow(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

/** What arrives: zero fields are not sent. */
function withoutZeros(type: GobType, value: unknown): unknown {
  if (type.kind === 'struct') {
    const fields = type.fields.flatMap((field) => {
      const part: unknown = Reflect.get(value as object, field.name)
      const isEmpty = (Array.isArray(part) || part instanceof Uint8Array) && part.length === 0
      const isZero = part === false || part === 0 || part === '' || part === null || isEmpty
      return isZero ? [] : [[field.name, withoutZeros(field.type, part)]]
    })
    return Object.fromEntries(fields) as unknown
  }
  if (type.kind === 'slice') return (value as unknown[]).map((item) => withoutZeros(type.element, item))
  if (type.kind === 'map') {
    return new Map([...(value as Map<unknown, unknown>)].map(([key, item]) => [key, withoutZeros(type.element, item)]))
  }
  if (value instanceof gob.GobInterface && value.type !== undefined) {
    return new gob.GobInterface(value.typeName, withoutZeros(value.type, value.value) as GobValue)
  }
  return value
}

/** Without prototypes and types, which a comparison should not see; minus zero is zero. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${toHex(value)}`
  if (value instanceof Map) return ['map', ...[...value].map(([key, item]) => [key, plain(item)])]
  if (value instanceof gob.GobInterface) return ['interface', value.typeName, plain(value.value)]
  if (value instanceof gob.GobComplex) return ['complex', value.re, value.im]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}
