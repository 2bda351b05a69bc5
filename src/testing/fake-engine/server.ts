import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { archiveRoutes } from './archive-handlers.ts'
import { buildRoutes } from './build-handlers.ts'
import { FakeError } from './call.ts'
import type { FakeCall, FakeRoute, FakeUpgrade } from './call.ts'
import { containerRoutes } from './container-handlers.ts'
import { imageRoutes } from './image-handlers.ts'
import { networkRoutes } from './network-handlers.ts'
import type { FakeEngineOptions, FakeFault } from './options.ts'
import type { FakeState } from './state.ts'
import { streamRoutes } from './stream-handlers.ts'
import { defaultApiVersion, systemRoutes } from './system-handlers.ts'
import { volumeRoutes } from './volume-handlers.ts'

const routes: readonly FakeRoute[] = [
  ...systemRoutes,
  ...containerRoutes,
  ...streamRoutes,
  ...archiveRoutes,
  ...imageRoutes,
  ...networkRoutes,
  ...volumeRoutes,
  ...buildRoutes,
]

/** What the server asks its owner about each request. */
export interface ServerEvents {
  /** Records the request and tells what is wrong with its answer, if anything. */
  onRequest(method: string, path: string, version: string, query: URLSearchParams): FakeFault | undefined
  /** Fires when the engine stops or drops its streams. */
  readonly streamSignal: () => AbortSignal
}

/** A server that speaks for a fake engine. Not yet listening. */
export function makeServer(state: FakeState, options: FakeEngineOptions, events: ServerEvents): Server {
  const listener: RequestListener = (request, response) => {
    handle(state, events, { request, response, upgrade: undefined }).catch(() => request.destroy())
  }
  const server: Server =
    options.tls === undefined
      ? createServer(listener)
      : createTlsServer(
          {
            ...options.tls,
            // As without TLS, and as engines: who ends their input goes on to read the output.
            allowHalfOpen: true,
            requestCert: options.tls.ca !== undefined,
            rejectUnauthorized: options.tls.ca !== undefined,
          },
          listener,
        )
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    handle(state, events, { request, response: undefined, upgrade: { socket, head } }).catch(() => socket.destroy())
  })
  // Engines keep idle connections for ever.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  return server
}

interface Incoming {
  readonly request: IncomingMessage
  readonly response: ServerResponse | undefined
  readonly upgrade: FakeUpgrade | undefined
}

async function handle(state: FakeState, events: ServerEvents, incoming: Incoming): Promise<void> {
  const { request } = incoming
  const url = new URL(request.url ?? '/', 'http://fake')
  const match = /^\/v(\d+\.\d+)(\/.*)$/.exec(url.pathname)
  const version = match?.[1] ?? ''
  const path = match?.[2] ?? url.pathname
  const method = request.method ?? 'GET'
  const fault = events.onRequest(method, path, version, url.searchParams)
  const call = makeCall(state, incoming, url.searchParams, { version, streamSignal: events.streamSignal() })
  if (fault !== undefined && (await strike(state, incoming, call, fault))) return
  try {
    checkVersion(state.options, version)
    const found = findRoute(method, path)
    if (found === undefined) throw new FakeError(404, 'page not found')
    await found.handler({ ...call, params: found.params })
  } catch (error) {
    sendError(call, error)
  }
}

function findRoute(method: string, path: string): { handler: FakeRoute[2]; params: string[] } | undefined {
  for (const [wanted, pattern, handler] of routes) {
    if (wanted !== method) continue
    const match = pattern.exec(path)
    if (match !== null) return { handler, params: match.slice(1).map((part) => decodeURIComponent(part)) }
  }
  return undefined
}

function checkVersion(options: FakeEngineOptions, version: string): void {
  if (version === '') return
  const [, minor = 0] = version.split('.').map(Number)
  const newest = options.apiVersion ?? defaultApiVersion
  const oldest = options.minApiVersion ?? '1.12'
  if (minor > Number(newest.split('.')[1])) {
    throw new FakeError(400, `client version ${version} is too new. Maximum supported API version is ${newest}`)
  }
  if (minor < Number(oldest.split('.')[1])) {
    throw new FakeError(
      400,
      `client version ${version} is too old. Minimum supported API version is ${oldest}, please upgrade your client to a newer version`,
    )
  }
}

function sendError(call: FakeCall, error: unknown): void {
  const status = error instanceof FakeError ? error.status : 500
  call.send(status, { message: error instanceof Error ? error.message : String(error) })
}

/** Does what the fault says. False when the request is to be handled as usual after it. */
async function strike(state: FakeState, incoming: Incoming, call: FakeCall, fault: FakeFault): Promise<boolean> {
  const socket = incoming.upgrade?.socket ?? incoming.request.socket
  switch (fault.kind) {
    case 'delay':
      await state.clock.sleep(fault.ms, fault.outlasts === true ? undefined : call.signal).catch(() => {})
      return false
    case 'hang':
      incoming.request.resume()
      return true
    case 'garbage':
      socket.end(fault.bytes ?? '\u0015\u0003\u0001\u0000\u0002\u0002 what is this\r\n\r\n')
      return true
    case 'truncate':
      socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[{"Id":"abc')
      return true
    case 'reset':
      socket.destroy()
      return true
    case 'status':
      call.send(fault.status, { message: fault.message })
      return true
    case 'reply':
      call.sendText(fault.status ?? 200, fault.body, { 'Content-Type': fault.contentType ?? 'application/json' })
      return true
    default:
      muteAnswer(incoming)
      if (fault.afterMs === undefined) return false
      // A client that goes away takes with it what has not been read.
      await call.body()
      await state.clock.sleep(fault.afterMs)
      return false
  }
}

/** From here on the client gets nothing, whatever the handler writes. */
function muteAnswer(incoming: Incoming): void {
  const { response } = incoming
  if (response === undefined) return
  response.write = () => true
  response.end = () => response
  response.flushHeaders = () => {}
}

function makeCall(
  state: FakeState,
  incoming: Incoming,
  query: URLSearchParams,
  { version, streamSignal }: { readonly version: string; readonly streamSignal: AbortSignal },
): FakeCall {
  const { request, response } = incoming
  const socket = incoming.upgrade?.socket ?? request.socket
  const ended = new AbortController()
  function stop(): void {
    streamSignal.removeEventListener('abort', stop)
    ended.abort()
  }
  streamSignal.addEventListener('abort', stop)
  if (response === undefined) socket.once('close', stop)
  else response.once('close', stop)
  const base = {
    'Api-Version': state.options.apiVersion ?? defaultApiVersion,
    'Docker-Experimental': 'false',
    Ostype: 'linux',
    Server: `Docker/${state.options.serverVersion ?? '20.10.24'} (linux)`,
  }
  let upgradeHead = incoming.upgrade?.head ?? Buffer.alloc(0)

  let read: Promise<Buffer> | undefined

  async function readBody(): Promise<Buffer> {
    if (incoming.upgrade === undefined) {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      return Buffer.concat(chunks)
    }
    const length = Number(request.headers['content-length'] ?? 0)
    // The parser stopped at the headers: the body is in the first bytes of the raw connection.
    while (upgradeHead.length < length) {
      const chunk: unknown = socket.read()
      if (Buffer.isBuffer(chunk)) upgradeHead = Buffer.concat([upgradeHead, chunk])
      else await new Promise((resolve) => socket.once('readable', resolve))
    }
    const whole = upgradeHead.subarray(0, length)
    upgradeHead = upgradeHead.subarray(length)
    return whole
  }

  function body(): Promise<Buffer> {
    read ??= readBody()
    return read
  }

  function sendText(status: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
    const length = String(Buffer.byteLength(text))
    if (response === undefined) {
      const lines = Object.entries({ ...base, ...headers, 'Content-Length': length, Connection: 'close' })
      socket.end(`HTTP/1.1 ${status} -\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`)
    } else if (!response.headersSent) {
      const hasBody = status !== 204 && status !== 304
      response.writeHead(status, { ...base, ...headers, ...(hasBody ? { 'Content-Length': length } : {}) })
      response.end(hasBody ? text : undefined)
    } else response.destroy()
  }

  return {
    state,
    params: [],
    query,
    request,
    version: version === '' ? base['Api-Version'] : version,
    signal: ended.signal,
    body,
    async json<T>() {
      const text = (await body()).toString('utf8')
      try {
        return JSON.parse(text === '' ? '{}' : text) as T
      } catch {
        throw new FakeError(400, 'invalid JSON')
      }
    },
    send: (status, value) => {
      const text = value === undefined ? '' : `${JSON.stringify(value)}\n`
      sendText(status, text, value === undefined ? {} : { 'Content-Type': 'application/json' })
    },
    sendText,
    stream(contentType, headers = {}) {
      if (response === undefined) throw new FakeError(400, 'this path cannot be upgraded')
      response.writeHead(200, { ...base, ...headers, 'Content-Type': contentType })
      return response
    },
    upgrade(contentType) {
      if (incoming.upgrade === undefined) throw new FakeError(400, 'unable to upgrade to tcp, received 200')
      socket.write(
        `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n` +
          `Api-Version: ${base['Api-Version']}\r\nServer: ${base.Server}\r\n\r\n`,
      )
      return { socket, head: upgradeHead }
    },
  }
}
