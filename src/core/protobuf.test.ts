import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Message, MessageWriter } from './protobuf.ts'

describe('the protobuf wire format', () => {
  it('writes the examples of its documentation', () => {
    // protobuf.dev/programming-guides/encoding
    expect(new MessageWriter().put(1, 150).finish().toString('hex')).toBe('089601')
    expect(new MessageWriter().put(2, 'testing').finish().toString('hex')).toBe('120774657374696e67')
    expect(new MessageWriter().put(1, -2n).finish().toString('hex')).toBe('08feffffffffffffffff01')
  })

  it('reads back what it wrote', () => {
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(
        fc.array(text),
        fc.dictionary(text, text),
        fc.maxSafeInteger(),
        fc.uint8Array(),
        (texts, map, number, bytes) => {
          const data = new MessageWriter().putAll(3, texts).putMap(40, map).put(1, number).put(1000, bytes).finish()
          const message = new Message(data)
          expect(message.texts(3)).toEqual(texts)
          expect(Object.fromEntries(message.map(40))).toEqual({ ...map })
          expect(message.number(1)).toBe(number === 0 ? 0 : number)
          expect([...message.bytes(1000)]).toEqual([...bytes])
          expect(message.has(77)).toBe(false)
        },
      ),
    )
  })

  it('ends in an error for any broken bytes, never in anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          const message = new Message(Buffer.from(bytes))
          expect(message.number(1)).toBeTypeOf('number')
        } catch (error) {
          expect(error).toMatchObject({ code: 'io/protocol' })
        }
      }),
    )
  })
})
