import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { Message } from '../../core/protobuf.ts'
import { H2Connection } from './connection.ts'
import type { HeaderList } from './hpack.ts'
import type { H2Stream } from './stream.ts'

/** Status codes of gRPC that are used here. */
export const GRPC = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
} as const

/** What a refusal carries besides its words: a message of the named type (google.rpc.Status `details`). */
export interface GrpcDetail {
  readonly type: string
  readonly value: Buffer
}

/** A call that the other side refused. */
export class GrpcError extends Error {
  readonly status: number
  readonly details: readonly GrpcDetail[]

  constructor(status: number, message: string, details: readonly GrpcDetail[] = []) {
    super(message)
    this.name = 'GrpcError'
    this.status = status
    this.details = details
  }
}

const maxMessageBytes = 64 * 1024 * 1024
const headBytes = 5

/** A call that is under way, seen from either side. */
export interface GrpcCall {
  readonly metadata: ReadonlyMap<string, readonly string[]>
  /** Messages of the other side. Rejects with {@link GrpcError} when it ends with a refusal. */
  messages(): AsyncGenerator<Buffer, void, void>
  /** Messages sent at the same time go one after the other; after one that fails all fail. */
  send(message: Uint8Array): Promise<void>
  /** Nothing more comes from us. */
  end(): void
  cancel(error: Error): void
}

/** Calls of a gRPC peer over any stream of bytes. */
export class GrpcClient {
  readonly #connection: H2Connection

  constructor(socket: Duplex) {
    this.#connection = new H2Connection(socket, { role: 'client' })
  }

  /**
   * @param path `/package.Service/Method`
   * @param metadata may name a key several times
   */
  call(path: string, metadata: HeaderList = []): GrpcCall {
    const stream = this.#connection.open([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'localhost'],
      ['te', 'trailers'],
      ['content-type', 'application/grpc'],
      ...metadata,
    ])
    return {
      metadata: new Map(),
      messages: () => readAnswers(stream),
      send: inTurn((message) => stream.send(renderMessage(message))),
      end: () => stream.end(),
      cancel: (error) => stream.cancel(error),
    }
  }

  /** One question, one answer. Rejects with {@link GrpcError}, or the error of the connection. */
  async ask(path: string, message: Uint8Array, metadata: HeaderList = []): Promise<Buffer> {
    const call = this.call(path, metadata)
    // A peer may refuse a question before it has heard all of it; then its words count, not that it stopped listening.
    const asking = call.send(message).then(() => call.end())
    asking.catch(() => {})
    let answer: Buffer | undefined
    try {
      for await (const each of call.messages()) answer = each
    } finally {
      call.cancel(new GrpcError(GRPC.cancelled, `${path} is answered`))
    }
    if (answer === undefined) throw new GrpcError(GRPC.internal, `${path} ended without an answer`)
    return answer
  }

  close(error: Error): void {
    this.#connection.destroy(error)
  }
}

export type GrpcHandler = (call: GrpcCall) => Promise<void>

/**
 * Serves a gRPC peer over any stream of bytes; methods that are not in the table are refused as unimplemented. A handler
 * that throws {@link GrpcError} decides the status.
 */
export function serveGrpc(socket: Duplex, methods: ReadonlyMap<string, GrpcHandler>): H2Connection {
  return new H2Connection(socket, {
    role: 'server',
    onStream(stream) {
      void answer(stream, methods)
    },
  })
}

async function answer(stream: H2Stream, methods: ReadonlyMap<string, GrpcHandler>): Promise<void> {
  const metadata = toMetadata(stream.headers ?? [])
  const path = metadata.get(':path')?.[0] ?? ''
  const handler = methods.get(path)
  let hasHead = false
  const sendHead = (): void => {
    if (hasHead) return
    hasHead = true
    stream.sendHeaders([
      [':status', '200'],
      ['content-type', 'application/grpc'],
    ])
  }
  try {
    if (handler === undefined) throw new GrpcError(GRPC.unimplemented, `unknown method ${path}`)
    await handler({
      metadata,
      messages: () => readMessages(stream),
      send: inTurn((message) => {
        sendHead()
        return stream.send(renderMessage(message))
      }),
      end() {},
      cancel: (error) => stream.cancel(error),
    })
    sendHead()
    stream.sendHeaders([['grpc-status', '0']], true)
  } catch (error) {
    sendHead()
    const status = error instanceof GrpcError ? error.status : GRPC.unknown
    stream.sendHeaders(
      [
        ['grpc-status', String(status)],
        ['grpc-message', encodeMessage(toMessage(error))],
      ],
      true,
    )
  } finally {
    stream.ignoreRest()
  }
}

/** A message that waits for the peer's window must not let another one into its middle. */
function inTurn(send: (message: Uint8Array) => Promise<void>): (message: Uint8Array) => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  return (message) => {
    last = last.then(() => send(message))
    return last
  }
}

async function* readAnswers(stream: H2Stream): AsyncGenerator<Buffer, void, void> {
  const headers = await stream.waitForHeaders()
  yield* readMessages(stream)
  const ends = toMetadata(stream.trailers ?? headers)
  const status = Number(ends.get('grpc-status')?.[0] ?? GRPC.unknown)
  if (status === GRPC.ok) return
  const details = readDetails(ends.get('grpc-status-details-bin')?.[0] ?? '')
  throw new GrpcError(status, decodeMessage(ends.get('grpc-message')?.[0] ?? ''), details)
}

async function* readMessages(stream: H2Stream): AsyncGenerator<Buffer, void, void> {
  let chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream.read()) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes < wanted(chunks, bytes)) continue
    let joined = Buffer.concat(chunks)
    for (;;) {
      const whole = joined.length < headBytes ? headBytes : headBytes + joined.readUInt32BE(1)
      if (joined.length < whole) break
      if (joined[0] !== 0) throw new FlotillaError('io/protocol', 'compressed gRPC message')
      yield joined.subarray(headBytes, whole)
      joined = joined.subarray(whole)
    }
    chunks = joined.length === 0 ? [] : [joined]
    bytes = joined.length
  }
}

/** Bytes that the first message takes with its head; so large messages are joined once. */
function wanted(chunks: readonly Buffer[], bytes: number): number {
  if (bytes < headBytes) return headBytes
  const [first] = chunks
  const head = first !== undefined && first.length >= headBytes ? first : Buffer.concat(chunks)
  const length = head.readUInt32BE(1)
  if (length > maxMessageBytes) throw new FlotillaError('io/protocol', `gRPC message of ${length} bytes`)
  return headBytes + length
}

function renderMessage(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + message.length)
  bytes[0] = 0
  bytes.writeUInt32BE(message.length, 1)
  bytes.set(message, headBytes)
  return bytes
}

function toMetadata(headers: HeaderList): ReadonlyMap<string, readonly string[]> {
  const metadata = new Map<string, string[]>()
  for (const [name, value] of headers) {
    const known = metadata.get(name)
    if (known === undefined) metadata.set(name, [value])
    else known.push(value)
  }
  return metadata
}

/** They are an addition: a refusal stays one when they cannot be read. */
function readDetails(encoded: string): readonly GrpcDetail[] {
  try {
    const status = new Message(Buffer.from(encoded, 'base64'))
    return status.messages(3).map((detail) => ({ type: detail.text(1), value: detail.bytes(2) }))
  } catch {
    return []
  }
}

/** Half a character cannot be written down: nothing of ours may fail over it. */
function encodeMessage(text: string): string {
  return encodeURIComponent(text.replaceAll(/[\ud800-\udfff]/gu, '\ufffd')).slice(0, 4096)
}

/** Texts of refusals are percent-encoded; one that is not is shown as it is. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
