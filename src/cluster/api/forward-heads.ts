import { CHUNKED, UNTIL_CLOSE, headerOf, renderHeaders } from './http1/head.ts'
import type { RequestHead, ResponseHead } from './http1/head.ts'
import type { ForwardOptions } from './forward-options.ts'

/**
 * The head of a request as an engine gets it: written anew from the parsed parts, so that nothing ambiguous reaches it.
 * @param length of the body that follows, or `CHUNKED`
 */
export function renderRequestHead(
  head: RequestHead,
  o: Pick<ForwardOptions, 'path' | 'withoutHeaders' | 'extraLines' | 'isHijack'>,
  length: number,
): string {
  let text = `${head.method} ${o.path} HTTP/1.1\r\n`
  const { headers } = head
  let hasHost = false
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? ''
    if (name === 'host') hasHost = true
    if (o.withoutHeaders?.includes(name) !== true) text += `${name}: ${headers[at + 1]}\r\n`
  }
  if (!hasHost) text += 'host: docker\r\n'
  text += o.extraLines ?? ''
  if (head.upgrade !== undefined && o.isHijack === true) {
    text += `connection: Upgrade\r\nupgrade: ${head.upgrade}\r\n`
  }
  if (length === CHUNKED) text += 'transfer-encoding: chunked\r\n'
  else if (length > 0 || head.method === 'POST' || head.method === 'PUT') text += `content-length: ${length}\r\n`
  return `${text}\r\n`
}

/** True when client and engine speak the same HTTP and both go on: the engine's reply may pass as it is. */
export function isPlainReply(head: ResponseHead, request: RequestHead): boolean {
  return (
    request.isHttp11 && request.isKeepAlive && head.isHttp11 && !head.hasHopHeaders && head.bodyLength !== UNTIL_CLOSE
  )
}

/** Whether the client does not know the chunks that the engine sends. */
export function mustDecode(head: ResponseHead, request: RequestHead): boolean {
  return !request.isHttp11 && head.bodyLength === CHUNKED
}

/**
 * The head of a reply as this client needs it.
 * @param extraLines each with its line end
 */
export function renderReplyHead(head: ResponseHead, request: RequestHead, extraLines: string): string {
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n${renderHeaders(head.headers)}${extraLines}`
  if (head.bodyLength === CHUNKED && !mustDecode(head, request)) text += 'transfer-encoding: chunked\r\n'
  else if (head.bodyLength > 0) text += `content-length: ${head.bodyLength}\r\n`
  else if (head.bodyLength === 0 && request.method !== 'HEAD' && head.status !== 204 && head.status !== 304) {
    text += 'content-length: 0\r\n'
  }
  return `${text}\r\n`
}

/** True for the answers after which a connection carries raw bytes: upgraded, or the older way, to its end. */
export function isRaw(head: ResponseHead): boolean {
  if (head.status === 101) return true
  if (head.status !== 200 || head.bodyLength !== UNTIL_CLOSE) return false
  const type = headerOf(head, 'content-type') ?? ''
  return (
    type.startsWith('application/vnd.docker.raw-stream') || type.startsWith('application/vnd.docker.multiplexed-stream')
  )
}
