import { FlotillaError } from '../../../core/errors.ts'

/** Body lengths that are not a number of bytes. */
export const CHUNKED = -1
export const UNTIL_CLOSE = -2

/**
 * Limits of the head of a reply. A single line may take all of it, as in requests: a classic build sends the credentials of
 * every registry in one header, of some kilobytes each with cloud registries, and its arguments and labels in the address.
 */
export const replyHeadBytes: number = 128 * 1024
const headerLimit = 200

/** What both directions have in common. */
interface MessageHead {
  /** Name, value, name, value…; names in lower case, values without outer blanks, in the order they came. */
  readonly headers: readonly string[]
  /** Bytes of body that follow, or `CHUNKED` or `UNTIL_CLOSE`. */
  readonly bodyLength: number
  readonly isHttp11: boolean
  readonly isKeepAlive: boolean
}

export interface RequestHead extends MessageHead {
  readonly method: string
  /** As it stood in the request line. */
  readonly target: string
  /** The protocol asked for, when the client wants to leave HTTP. */
  readonly upgrade: string | undefined
  readonly expectsContinue: boolean
}

export interface ResponseHead extends MessageHead {
  readonly status: number
  readonly reason: string
  /** True when the head carries headers that concern only one hop besides framing (`connection`, `keep-alive`). */
  readonly hasHopHeaders: boolean
}

/** A message that breaks the protocol; `status` is what a client that sent it is answered. */
export function protocolProblem(message: string, status = 400): FlotillaError {
  return new FlotillaError('io/protocol', message, { status })
}

// A control character, a lone CR, a lone LF: none of them may stand in a head, and lenient readings of them
// are how requests are smuggled past a proxy.
const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const digits = /^[0-9]{1,15}$/
const requestLine = /^([A-Z]{1,20}) ([^ ]+) HTTP\/1\.([01])$/
const statusLine = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: (.*))?$/

interface Fields {
  readonly headers: string[]
  length: number
  isChunked: boolean
  connection: string
  upgrade: string
  expect: string
  hosts: number
  hasHopHeaders: boolean
}

/**
 * Reads the header lines that start at `from`. Framing headers are strict: one length, one encoding, never both.
 */
function parseFields(text: string, from: number, most: number): Fields {
  const fields: Fields = {
    headers: [],
    length: -1,
    isChunked: false,
    connection: '',
    upgrade: '',
    expect: '',
    hosts: 0,
    hasHopHeaders: false,
  }
  let start = from
  while (start < text.length) {
    let end = text.indexOf('\r\n', start)
    if (end < 0) end = text.length
    if (fields.headers.length >= most * 2) throw protocolProblem('too many headers', 431)
    parseField(text.slice(start, end), fields)
    start = end + 2
  }
  if (fields.isChunked && fields.length >= 0) {
    throw protocolProblem('message has both Content-Length and Transfer-Encoding')
  }
  return fields
}

function parseField(line: string, fields: Fields): void {
  const colon = line.indexOf(':')
  const name = line.slice(0, colon).toLowerCase()
  if (colon <= 0 || !token.test(name)) throw protocolProblem('malformed header line')
  const value = trimBlanks(line, colon + 1)
  switch (name) {
    case 'content-length':
      if (fields.length >= 0) throw protocolProblem('more than one Content-Length')
      if (!digits.test(value)) throw protocolProblem('malformed Content-Length')
      fields.length = Number(value)
      return
    case 'transfer-encoding':
      if (fields.isChunked || value.toLowerCase() !== 'chunked') {
        throw protocolProblem('unsupported Transfer-Encoding')
      }
      fields.isChunked = true
      return
    case 'connection':
      fields.connection += `,${value.toLowerCase()}`
      fields.hasHopHeaders = true
      return
    case 'keep-alive':
    case 'proxy-connection':
    case 'te':
    case 'trailer':
      fields.hasHopHeaders = true
      return
    case 'upgrade':
      fields.upgrade = value
      fields.hasHopHeaders = true
      return
    case 'expect':
      fields.expect = value.toLowerCase()
      return
    case 'host':
      fields.hosts += 1
      if (fields.hosts > 1) throw protocolProblem('more than one Host')
      break
    default:
  }
  fields.headers.push(name, value)
}

/**
 * The rest of a line without the blanks around it: spaces and tabs, nothing else. What else `trim` takes away, as the
 * no-break space, is part of a value for other readers, who would see another length or encoding than we do.
 */
function trimBlanks(line: string, from: number): string {
  let start = from
  let end = line.length
  while (start < end && isBlank(line.charCodeAt(start))) start += 1
  while (end > start && isBlank(line.charCodeAt(end - 1))) end -= 1
  return line.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function hasToken(list: string, wanted: string): boolean {
  if (list === '') return false
  return list.split(',').some((entry) => trimBlanks(entry, 0) === wanted)
}

/**
 * Parses the head of a request: the text before the blank line.
 *
 * Hop-by-hop and framing headers are taken out of `headers`: whoever forwards the request writes its own.
 * @param most headers
 * @throws {io/protocol} with the status to answer
 */
export function parseRequestHead(text: string, most: number = headerLimit): RequestHead {
  if (forbidden.test(text)) throw protocolProblem('control character in request head')
  const lineEnd = text.indexOf('\r\n')
  const line = lineEnd < 0 ? text : text.slice(0, lineEnd)
  const match = requestLine.exec(line)
  if (match === null) {
    const isOtherVersion = /^[A-Z]+ [^ ]+ HTTP\/[0-9.]+$/.test(line)
    throw protocolProblem(
      isOtherVersion ? 'unsupported HTTP version' : 'malformed request line',
      isOtherVersion ? 505 : 400,
    )
  }
  const fields = parseFields(text, lineEnd < 0 ? text.length : lineEnd + 2, most)
  const isHttp11 = match[3] === '1'
  if (!isHttp11 && fields.isChunked) throw protocolProblem('Transfer-Encoding in an HTTP/1.0 request')
  const isUpgrade = fields.upgrade !== '' && hasToken(fields.connection, 'upgrade')
  return {
    method: match[1] ?? '',
    target: match[2] ?? '',
    headers: fields.headers,
    bodyLength: fields.isChunked ? CHUNKED : Math.max(0, fields.length),
    isHttp11,
    isKeepAlive: isHttp11 ? !hasToken(fields.connection, 'close') : hasToken(fields.connection, 'keep-alive'),
    upgrade: isUpgrade ? fields.upgrade : undefined,
    expectsContinue: isHttp11 && fields.expect === '100-continue',
  }
}

/**
 * Parses the head of a response to a request made with `method`.
 * @throws {io/protocol}
 */
export function parseResponseHead(text: string, method: string): ResponseHead {
  const lineEnd = text.indexOf('\r\n')
  const line = lineEnd < 0 ? text : text.slice(0, lineEnd)
  const match = statusLine.exec(line)
  if (match === null)
    throw protocolProblem(
      `reply does not start with an HTTP status line but with ${JSON.stringify(line.slice(0, 40))}`,
      502,
    )
  if (forbidden.test(text)) throw protocolProblem('control character in reply head', 502)
  const fields = parseFields(text, lineEnd < 0 ? text.length : lineEnd + 2, headerLimit)
  const status = Number(match[2])
  const isHttp11 = match[1] === '1'
  const isBodiless = method === 'HEAD' || status === 204 || status === 304 || status < 200
  const framed = fields.isChunked ? CHUNKED : fields.length >= 0 ? fields.length : UNTIL_CLOSE
  return {
    status,
    reason: match[3] ?? '',
    headers: fields.headers,
    bodyLength: isBodiless ? 0 : framed,
    isHttp11,
    isKeepAlive: isHttp11 ? !hasToken(fields.connection, 'close') : hasToken(fields.connection, 'keep-alive'),
    hasHopHeaders: fields.hasHopHeaders,
  }
}

/** Header lines of names and values, each with its line end. */
export function renderHeaders(headers: readonly string[]): string {
  let text = ''
  for (let at = 0; at + 1 < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`
  return text
}

/** The first value of a header, by lower-case name. */
export function headerOf(head: Pick<MessageHead, 'headers'>, name: string): string | undefined {
  const headers = head.headers
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return headers[at + 1]
  return undefined
}
