import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ResponseParser } from './response-parser.ts'
import type { ResponseHead } from './response-parser.ts'

interface Parsed {
  head: ResponseHead | undefined
  body: string
  isEnded: boolean
  rest: string | undefined
}

function parse(pieces: readonly string[], o: { method?: string; isRaw?: boolean; isClosed?: boolean } = {}): Parsed {
  const out: Parsed = { head: undefined, body: '', isEnded: false, rest: undefined }
  const parser = new ResponseParser(o.method ?? 'GET', {
    onHead(head) {
      out.head = head
      return o.isRaw === true ? 'raw' : 'body'
    },
    onData: (data) => {
      out.body += data.toString('latin1')
    },
    onEnd: () => {
      out.isEnded = true
    },
  })
  for (const piece of pieces) {
    const rest = parser.push(Buffer.from(piece, 'latin1'))
    if (rest !== undefined) out.rest = (out.rest ?? '') + rest.toString('latin1')
  }
  if (o.isClosed === true) parser.finish()
  return out
}

const chunked =
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\nx-a: 2\r\n\r\n' +
  '5\r\nhello\r\n7;ext=1\r\n, world\r\n0\r\nTrailer: x\r\n\r\n'

describe('the response parser', () => {
  it('reads chunks, interim answers and repeated headers however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
        const pieces: string[] = []
        for (let at = 0, turn = 0; at < chunked.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1
          pieces.push(chunked.slice(at, at + size))
          at += size
        }
        const out = parse(pieces)
        expect(out).toMatchObject({ body: 'hello, world', isEnded: true, rest: '' })
        expect(out.head).toMatchObject({ status: 200, isKeepAlive: true, headers: { 'x-a': '1, 2' } })
      }),
    )
  })

  it('ends a counted body where it ends and gives back the rest', () => {
    expect(parse(['HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef'])).toMatchObject({
      body: 'abc',
      isEnded: true,
      rest: 'def',
    })
  })

  it('reads to the end of the connection when nothing says where the body ends', () => {
    const out = parse(['HTTP/1.1 200 OK\r\n\r\n', 'abc', 'def'], { isClosed: true })
    expect(out).toMatchObject({ body: 'abcdef', isEnded: true, head: { isKeepAlive: false, isUntilClose: true } })
  })

  it('expects no body after HEAD, 204 and 304', () => {
    const head = parse(['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'], { method: 'HEAD' })
    expect([head.isEnded, head.body]).toEqual([true, ''])
    expect(parse(['HTTP/1.1 204 No Content\r\n\r\n']).isEnded).toBe(true)
    expect(parse(['HTTP/1.1 304 Not Modified\r\n\r\n']).isEnded).toBe(true)
  })

  it('keeps a connection after an answer that has no body and says so by its status only', () => {
    const kept = { isEnded: true, head: { isKeepAlive: true, isUntilClose: false } }
    expect(parse(['HTTP/1.1 204 No Content\r\n\r\n'])).toMatchObject(kept)
    expect(parse(['HTTP/1.1 304 Not Modified\r\n\r\n'])).toMatchObject(kept)
    expect(parse(['HTTP/1.1 200 OK\r\n\r\n'], { method: 'HEAD' })).toMatchObject(kept)
    expect(parse(['HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n']).head?.isKeepAlive).toBe(false)
    expect(parse(['HTTP/1.1 101 Switching\r\n\r\n']).head?.isKeepAlive).toBe(false)
  })

  it('gives back what follows the head of an upgrade', () => {
    const out = parse(['HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nfirst bytes'], { isRaw: true })
    expect(out).toMatchObject({ rest: 'first bytes', body: '', isEnded: false })
  })

  it.each([
    ['SSH-2.0-OpenSSH_9.2\r\n', 'the peer does not speak HTTP'],
    ['HTTP/1.1 abc\r\n\r\n', 'the answer has an invalid status line'],
    ['HTTP/1.1 200 OK\r\nbad header\r\n\r\n', 'the answer has an invalid header line'],
    ['HTTP/1.1 200 OK\r\n folded: x\r\n\r\n', 'the answer has an invalid header line'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'the answer has an invalid content length'],
    ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'the answer has an invalid content length'],
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'the answer has an unsupported transfer encoding',
    ],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 'the answer has an unsupported transfer encoding'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 'the answer has an invalid chunk size'],
    [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
      'a chunk of the answer is longer than it said',
    ],
    [`HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(201)}\r\n`, 'the answer has more than 200 headers'],
    [`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}`, 'the head of the answer is longer than 65536 bytes'],
  ])('refuses %j', (text, message) => {
    expect(() => parse([text])).toThrow(expect.objectContaining({ code: 'io/protocol', message }))
  })

  it('tells a connection that closed too early', () => {
    expect(() => parse(['HTTP/1.1 2'], { isClosed: true })).toThrow('the connection was closed before it answered')
    expect(() => parse(['HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab'], { isClosed: true })).toThrow(
      'the connection was closed in the middle of its answer',
    )
  })

  it('fails in no way but its own on any bytes', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('HTTP/1.1 200 OK\r\n', '\r\n', 'Transfer-Encoding: chunked\r\n', '5\r\n'),
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        try {
          parse(pieces, { isClosed: true })
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^io\//) })
        }
      }),
      { numRuns: 1000 },
    )
  })
})
