import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { FlotillaError } from '../../core/errors.ts'
import {
  FLAG,
  FRAME,
  FrameReader,
  SETTING,
  frameBytes,
  preface,
  renderNumber,
  renderSettings,
  stripPadding,
} from './frame.ts'
import type { Frame } from './frame.ts'
import { FrameWriter } from './frame-writer.ts'
import { HpackDecoder, encodeHeaders, maxBlockBytes } from './hpack.ts'
import type { HeaderList } from './hpack.ts'
import { H2Stream } from './stream.ts'

const defaultWindow = 65_535
/** Unread bytes we take for one stream, and for all. */
const streamWindow = 1024 * 1024
const connectionWindow = 8 * 1024 * 1024
const cancelCode = 8

export interface H2Options {
  readonly role: 'client' | 'server'
  /** A stream that the peer opened; its first headers are there. */
  readonly onStream?: (stream: H2Stream) => void
}

/**
 * One end of an HTTP/2 connection over any stream of bytes, without TLS: as much of RFC 9113 as gRPC uses. No pushes,
 * no priorities.
 *
 * Own, because of the programs' two run-times only one bears `node:http2` over something that is no socket.
 */
export class H2Connection {
  readonly #socket: Duplex
  readonly #options: H2Options
  readonly #writer: FrameWriter
  readonly #reader = new FrameReader()
  readonly #decoder = new HpackDecoder()
  readonly #streams = new Map<number, H2Stream>()
  readonly #waiting: (() => void)[] = []
  #needsPreface: boolean
  #nextId: number
  #lastPeerId = 0
  #window = defaultWindow
  #peerInitialWindow = defaultWindow
  #peerFrameBytes = frameBytes
  /** A header block whose end has not come yet. */
  #block: { readonly stream: number; readonly isLast: boolean; readonly parts: Buffer[]; bytes: number } | undefined
  #error: Error | undefined
  #onClosed: (() => void)[] = []

  constructor(socket: Duplex, options: H2Options) {
    this.#socket = socket
    this.#writer = new FrameWriter(socket)
    this.#options = options
    this.#needsPreface = options.role === 'server'
    this.#nextId = options.role === 'client' ? 1 : 2
    if (options.role === 'client') socket.write(preface)
    socket.write(
      renderSettings([
        [SETTING.enablePush, 0],
        [SETTING.initialWindow, streamWindow],
      ]),
    )
    this.#write(FRAME.windowUpdate, 0, 0, renderNumber(connectionWindow - defaultWindow))
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy(closed()))
    socket.on('end', () => this.destroy(closed()))
    socket.on('drain', () => this.#wakeAll())
  }

  get isClosed(): boolean {
    return this.#error !== undefined
  }

  /** Resolves when the connection has ended, in whatever way. */
  untilClosed(): Promise<void> {
    if (this.#error !== undefined) return Promise.resolve()
    return new Promise((resolve) => this.#onClosed.push(resolve))
  }

  open(headers: HeaderList): H2Stream {
    const stream = new H2Stream(this.#nextId, this.#peerInitialWindow, this.#host)
    this.#nextId += 2
    if (this.#error !== undefined) {
      stream.fail(this.#error)
      return stream
    }
    this.#streams.set(stream.id, stream)
    stream.sendHeaders(headers)
    return stream
  }

  /** Ends everything: streams fail with the error. Idempotent. */
  destroy(error: Error): void {
    if (this.#error !== undefined) return
    this.#error = error
    for (const stream of this.#streams.values()) stream.fail(error)
    this.#streams.clear()
    this.#wakeAll()
    this.#writer.letGo()
    this.#socket.destroy()
    for (const resolve of this.#onClosed) resolve()
  }

  readonly #host = {
    sendHeaders: (stream: H2Stream, headers: HeaderList, isLast: boolean): void => {
      if (this.#error === undefined) this.#writer.writeHeaders(stream.id, encodeHeaders(headers), isLast)
      if (isLast) this.#forget(stream)
    },
    sendData: (stream: H2Stream, bytes: Buffer): Promise<void> => this.#sendData(stream, bytes),
    sendEnd: (stream: H2Stream): void => {
      this.#write(FRAME.data, FLAG.endStream, stream.id, Buffer.alloc(0))
      this.#forget(stream)
    },
    sendReset: (stream: H2Stream): void => {
      this.#write(FRAME.reset, 0, stream.id, renderNumber(cancelCode))
      this.#streams.delete(stream.id)
      // Who waits for room to send on it waits for nothing.
      this.#wakeAll()
    },
    release: (stream: H2Stream, bytes: number): void => {
      if (bytes === 0 || this.#error !== undefined) return
      this.#write(FRAME.windowUpdate, 0, 0, renderNumber(bytes))
      if (this.#streams.has(stream.id)) this.#write(FRAME.windowUpdate, 0, stream.id, renderNumber(bytes))
    },
  }

  async #sendData(stream: H2Stream, bytes: Buffer): Promise<void> {
    let at = 0
    while (at < bytes.length) {
      if (stream.error !== undefined) throw stream.error
      if (this.#error !== undefined) throw this.#error
      const room = Math.min(this.#window, stream.window, this.#peerFrameBytes, bytes.length - at)
      if (room <= 0 || this.#writer.isFull) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
        continue
      }
      this.#window -= room
      stream.window -= room
      this.#write(FRAME.data, 0, stream.id, bytes.subarray(at, at + room))
      at += room
    }
  }

  #write(type: number, flags: number, stream: number, payload: Uint8Array): void {
    if (this.#error === undefined) this.#writer.write(type, flags, stream, payload)
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #forget(stream: H2Stream): void {
    if (stream.isOver) this.#streams.delete(stream.id)
  }

  #receive(chunk: Buffer): void {
    try {
      this.#reader.push(chunk)
      if (this.#needsPreface) {
        const first = this.#reader.take(preface.length)
        if (first === undefined) return
        if (!first.equals(preface)) throw new FlotillaError('io/protocol', 'the peer does not speak HTTP/2')
        this.#needsPreface = false
      }
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) this.#handle(frame)
    } catch (error) {
      this.destroy(error instanceof Error ? error : new FlotillaError('io/protocol', String(error)))
    }
  }

  #handle(frame: Frame): void {
    if (this.#block !== undefined && frame.type !== FRAME.continuation) {
      throw new FlotillaError('io/protocol', 'HTTP/2 headers are interrupted')
    }
    switch (frame.type) {
      case FRAME.data:
        return this.#receiveData(frame)
      case FRAME.headers:
        this.#block = { stream: frame.stream, isLast: hasFlag(frame, FLAG.endStream), parts: [], bytes: 0 }
        return this.#addToBlock(frame, stripPadding(frame))
      case FRAME.continuation:
        if (this.#block?.stream !== frame.stream) throw new FlotillaError('io/protocol', 'stray HTTP/2 continuation')
        return this.#addToBlock(frame, frame.payload)
      case FRAME.reset:
        return this.#receiveReset(frame)
      case FRAME.settings:
        return this.#receiveSettings(frame)
      case FRAME.ping:
        if (!hasFlag(frame, FLAG.ack)) this.#write(FRAME.ping, FLAG.ack, 0, frame.payload)
        return undefined
      case FRAME.windowUpdate:
        return this.#receiveWindow(frame)
      case FRAME.goAway:
        return this.#receiveGoAway(frame)
      default:
        return undefined
    }
  }

  #receiveData(frame: Frame): void {
    const stream = this.#streams.get(frame.stream)
    const bytes = stripPadding(frame)
    // What nobody reads is given back at once, and padding with it.
    const unread = stream === undefined ? frame.payload.length : frame.payload.length - bytes.length
    if (unread > 0) this.#write(FRAME.windowUpdate, 0, 0, renderNumber(unread))
    if (stream === undefined) return
    stream.receiveData(bytes)
    if (hasFlag(frame, FLAG.endStream)) {
      stream.receiveEnd()
      this.#forget(stream)
    }
  }

  #addToBlock(frame: Frame, payload: Buffer): void {
    const block = this.#block
    if (block === undefined) return
    block.parts.push(payload)
    block.bytes += payload.length
    if (block.bytes > maxBlockBytes) throw new FlotillaError('io/protocol', 'HTTP/2 headers too long')
    if (!hasFlag(frame, FLAG.endHeaders)) return
    const { stream: id, isLast, parts } = block
    this.#block = undefined
    const headers = this.#decoder.decode(Buffer.concat(parts))
    let stream = this.#streams.get(id)
    const isNew = stream === undefined && this.#options.role === 'server' && id % 2 === 1 && id > this.#lastPeerId
    if (isNew) {
      this.#lastPeerId = id
      stream = new H2Stream(id, this.#peerInitialWindow, this.#host)
      this.#streams.set(id, stream)
    }
    if (stream === undefined) return
    stream.receiveHeaders(headers)
    if (isLast) {
      stream.receiveEnd()
      this.#forget(stream)
    }
    if (isNew) this.#options.onStream?.(stream)
  }

  #receiveReset(frame: Frame): void {
    const stream = this.#streams.get(frame.stream)
    this.#streams.delete(frame.stream)
    const code = frame.payload.length >= 4 ? frame.payload.readUInt32BE() : 0
    stream?.fail(new FlotillaError('io/protocol', `the peer gave up an HTTP/2 stream (code ${code})`))
    this.#wakeAll()
  }

  #receiveSettings(frame: Frame): void {
    if (hasFlag(frame, FLAG.ack)) return
    for (let at = 0; at + 6 <= frame.payload.length; at += 6) {
      const value = frame.payload.readUInt32BE(at + 2)
      const id = frame.payload.readUInt16BE(at)
      if (id === SETTING.initialWindow) {
        for (const stream of this.#streams.values()) stream.window += value - this.#peerInitialWindow
        this.#peerInitialWindow = value
      } else if (id === SETTING.maxFrame) {
        this.#peerFrameBytes = Math.max(frameBytes, Math.min(value, 4 * frameBytes))
      }
    }
    this.#write(FRAME.settings, FLAG.ack, 0, Buffer.alloc(0))
    this.#wakeAll()
  }

  #receiveWindow(frame: Frame): void {
    const more = frame.payload.length >= 4 ? frame.payload.readUInt32BE() & 0x7f_ff_ff_ff : 0
    const stream = this.#streams.get(frame.stream)
    if (frame.stream === 0) this.#window += more
    else if (stream !== undefined) stream.window += more
    this.#wakeAll()
  }

  /** The peer takes no more streams; those it has not seen are lost. */
  #receiveGoAway(frame: Frame): void {
    const last = frame.payload.length >= 8 ? frame.payload.readUInt32BE() & 0x7f_ff_ff_ff : 0
    const code = frame.payload.length >= 8 ? frame.payload.readUInt32BE(4) : 0
    const text = frame.payload.subarray(8, 8 + 200).toString('utf8')
    const error = new FlotillaError('io/protocol', `the peer ended the HTTP/2 connection (code ${code}) ${text}`.trim())
    if (code !== 0) return this.destroy(error)
    for (const stream of this.#streams.values()) if (stream.id > last && stream.id % 2 === 1) stream.fail(error)
    return undefined
  }
}

function hasFlag(frame: Frame, flag: number): boolean {
  return (frame.flags & flag) !== 0
}

function closed(): FlotillaError {
  return new FlotillaError('io/connect', 'the connection was closed in the middle of a call')
}
