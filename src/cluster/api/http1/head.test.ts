import { describe, expect, it } from 'vitest'
import { CHUNKED, UNTIL_CLOSE, headerOf, parseRequestHead, parseResponseHead } from './head.ts'

function statusOf(text: string): number | undefined {
  try {
    parseRequestHead(text)
    return undefined
  } catch (error) {
    return Reflect.get(error as object, 'status') as number
  }
}

describe('parseRequestHead', () => {
  it('splits the line and takes framing and hop-by-hop headers out of the list', () => {
    const head = parseRequestHead(
      'POST /v1.41/exec/a/start HTTP/1.1\r\nHost: docker\r\nContent-Type:  application/json \r\nContent-Length: 12\r\n' +
        'Connection: Upgrade\r\nUpgrade: tcp\r\nTE: trailers',
    )
    expect(head).toEqual({
      method: 'POST',
      target: '/v1.41/exec/a/start',
      headers: ['host', 'docker', 'content-type', 'application/json'],
      bodyLength: 12,
      isHttp11: true,
      isKeepAlive: true,
      upgrade: 'tcp',
      expectsContinue: false,
    })
  })

  it.each([
    ['both a length and an encoding', 'Content-Length: 3\r\nTransfer-Encoding: chunked', 400],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 3', 400],
    ['a list of lengths', 'Content-Length: 3, 3', 400],
    ['a signed length', 'Content-Length: +3', 400],
    ['a length in hexadecimal', 'Content-Length: 0x3', 400],
    ['a negative length', 'Content-Length: -1', 400],
    ['an empty length', 'Content-Length:', 400],
    ['a length behind a blank that is none in HTTP', 'Content-Length: \u00a03', 400],
    ['an encoding before a blank that is none in HTTP', 'Transfer-Encoding: chunked\u00a0', 400],
    ['a length beyond any number', `Content-Length: ${'9'.repeat(40)}`, 400],
    ['an encoding list', 'Transfer-Encoding: chunked, identity', 400],
    ['an encoding twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 400],
    ['an unknown encoding', 'Transfer-Encoding: xchunked', 400],
    ['a blank before the colon', 'Transfer-Encoding : chunked', 400],
    ['a folded line', 'X-A: 1\r\n Transfer-Encoding: chunked', 400],
    ['a lone line feed', 'X-A: 1\nTransfer-Encoding: chunked', 400],
    ['a lone carriage return', 'X-A: 1\rTransfer-Encoding: chunked', 400],
    ['a NUL', 'X-A: 1\0', 400],
    ['a line without colon', 'nonsense', 400],
    ['two hosts', 'Host: a\r\nHost: b', 400],
    ['too many lines', Array.from({ length: 201 }, (_, index) => `X-${index}: 1`).join('\r\n'), 431],
  ])('refuses %s', (_, lines, status) => {
    expect(statusOf(`GET / HTTP/1.1\r\n${lines}`)).toBe(status)
  })

  it.each([
    ['GET / HTTP/2.0', 505],
    ['GET /', 400],
    ['get / HTTP/1.1', 400],
    ['GET  / HTTP/1.1', 400],
    ['GET /a b HTTP/1.1', 400],
    ['', 400],
  ])('refuses the request line %j', (line, status) => {
    expect(statusOf(line)).toBe(status)
  })

  it('accepts exactly two hundred headers', () => {
    const lines = Array.from({ length: 200 }, (_, index) => `X-${index}: 1`).join('\r\n')
    expect(parseRequestHead(`GET / HTTP/1.1\r\n${lines}`).headers).toHaveLength(400)
  })

  it('knows when a connection stays open', () => {
    expect(parseRequestHead('GET / HTTP/1.1').isKeepAlive).toBe(true)
    expect(parseRequestHead('GET / HTTP/1.1\r\nConnection: Close').isKeepAlive).toBe(false)
    expect(parseRequestHead('GET / HTTP/1.0').isKeepAlive).toBe(false)
    expect(parseRequestHead('GET / HTTP/1.0\r\nConnection: keep-alive').isKeepAlive).toBe(true)
  })

  it('takes an Upgrade header for an upgrade only when Connection names it', () => {
    expect(parseRequestHead('GET / HTTP/1.1\r\nUpgrade: tcp').upgrade).toBeUndefined()
    expect(parseRequestHead('GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: tcp').upgrade).toBe('tcp')
  })
})

describe('parseResponseHead', () => {
  it('knows how long the body is from status, method and headers', () => {
    const length = (text: string, method = 'GET'): number => parseResponseHead(text, method).bodyLength
    expect(length('HTTP/1.1 200 OK\r\nContent-Length: 7')).toBe(7)
    expect(length('HTTP/1.1 200 OK\r\nContent-Length: 7', 'HEAD')).toBe(0)
    expect(length('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked')).toBe(CHUNKED)
    expect(length('HTTP/1.1 200 OK')).toBe(UNTIL_CLOSE)
    expect(length('HTTP/1.1 204 No Content')).toBe(0)
    expect(length('HTTP/1.1 304 Not Modified\r\nContent-Length: 7')).toBe(0)
    expect(length('HTTP/1.1 101 UPGRADED')).toBe(0)
  })

  it('refuses what is not HTTP and says how it starts', () => {
    expect(() => parseResponseHead('SSH-2.0-OpenSSH_9.2', 'GET')).toThrow('SSH-2.0-OpenSSH_9.2')
  })

  it('finds a header by its lower-case name', () => {
    const head = parseResponseHead('HTTP/1.1 200 OK\r\nApi-Version: 1.41', 'GET')
    expect(headerOf(head, 'api-version')).toBe('1.41')
    expect(headerOf(head, 'ostype')).toBeUndefined()
  })
})
