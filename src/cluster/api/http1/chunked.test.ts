import { array, assert, nat, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkedReader } from './chunked.ts'

function encode(parts: readonly string[], tail = ''): Buffer {
  const chunks = parts.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`)
  return Buffer.from(`${chunks.join('')}0\r\n\r\n${tail}`)
}

function read(bytes: Buffer, cuts: readonly number[]): { data: string; used: number; isDone: boolean } {
  const data: Buffer[] = []
  const reader = new ChunkedReader((part) => data.push(Buffer.from(part)))
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b)
  let used = 0
  for (const [index, edge] of edges.entries()) {
    const next = edges[index + 1]
    if (next === undefined || reader.isDone) break
    used = edge + reader.read(bytes.subarray(edge, next), 0)
  }
  return { data: Buffer.concat(data).toString(), used, isDone: reader.isDone }
}

describe('ChunkedReader', () => {
  it('gives the same data and end however the bytes are cut', () => {
    const part = string({ minLength: 1, maxLength: 40 })
    assert(
      property(array(part), array(nat(), { maxLength: 20 }), (parts, cuts) => {
        const bytes = encode(parts, 'GET /next')
        expect(read(bytes, cuts)).toEqual({ data: parts.join(''), used: bytes.length - 9, isDone: true })
      }),
    )
  })

  it('drops extensions and trailers', () => {
    const bytes = Buffer.from('3;a=b\r\nabc\r\n0\r\nContent-Length: 9\r\nX: y\r\n\r\nrest')
    expect(read(bytes, [])).toEqual({ data: 'abc', used: bytes.length - 4, isDone: true })
  })

  it.each([
    ['a lone line feed after the size', '3\nabc\r\n0\r\n\r\n'],
    ['a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['a prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['no size', '\r\nabc\r\n'],
    ['a blank before the size', ' 3\r\nabc\r\n'],
    ['data longer than the size', '2\r\nabc\r\n0\r\n\r\n'],
    ['a size beyond any body', `${'f'.repeat(16)}\r\n`],
    ['an endless extension', `3;${'a'.repeat(2000)}`],
    ['endless trailers', `0\r\n${'X: y\r\n'.repeat(3000)}`],
  ])('refuses %s', (_, text) => {
    expect(() => read(Buffer.from(text), [])).toThrow(/chunk|trailers/)
  })
})
