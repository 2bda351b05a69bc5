import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'

/** RFC 9113, section 6. */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const

export const SETTING = { enablePush: 2, initialWindow: 4, maxFrame: 5 } as const

export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

const frameHeadBytes = 9
/** What every peer takes; we never offer more. */
export const frameBytes = 16_384

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export function renderFrame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeadBytes + payload.length)
  frame.writeUIntBE(payload.length, 0, 3)
  frame[3] = type
  frame[4] = flags
  frame.writeUInt32BE(stream, 5)
  frame.set(payload, frameHeadBytes)
  return frame
}

export function renderNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function renderSettings(settings: readonly (readonly [number, number])[]): Buffer {
  const bytes = Buffer.allocUnsafe(settings.length * 6)
  for (const [index, [id, value]] of settings.entries()) {
    bytes.writeUInt16BE(id, index * 6)
    bytes.writeUInt32BE(value, index * 6 + 2)
  }
  return renderFrame(FRAME.settings, 0, 0, bytes)
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #chunks: Buffer[] = []
  #bytes = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** Takes as many bytes off the front; undefined: not there yet. */
  take(count: number): Buffer | undefined {
    if (this.#bytes < count) return undefined
    const bytes = this.#front(count)
    this.#drop(count)
    return bytes
  }

  /** @throws {io/protocol} for a frame larger than was offered */
  next(): Frame | undefined {
    if (this.#bytes < frameHeadBytes) return undefined
    const head = this.#front(frameHeadBytes)
    const length = head.readUIntBE(0, 3)
    if (length > frameBytes) throw new FlotillaError('io/protocol', `HTTP/2 frame of ${length} bytes`)
    const whole = this.take(frameHeadBytes + length)
    if (whole === undefined) return undefined
    return {
      type: whole[3] ?? 0,
      flags: whole[4] ?? 0,
      stream: whole.readUInt32BE(5) & 0x7f_ff_ff_ff,
      payload: whole.subarray(frameHeadBytes),
    }
  }

  #front(count: number): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && first.length >= count) return first.subarray(0, count)
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    return joined.subarray(0, count)
  }

  #drop(count: number): void {
    const first = this.#chunks[0]
    if (first === undefined) return
    this.#bytes -= count
    if (first.length === count) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(count)
  }
}

/** The payload of a DATA or HEADERS frame without padding and priority. */
export function stripPadding(frame: Frame): Buffer {
  let { payload } = frame
  if ((frame.flags & FLAG.padded) !== 0) {
    const padding = payload[0] ?? 0
    if (padding >= payload.length) throw new FlotillaError('io/protocol', 'HTTP/2 frame of nothing but padding')
    payload = payload.subarray(1, payload.length - padding)
  }
  return frame.type === FRAME.headers && (frame.flags & FLAG.priority) !== 0 ? payload.subarray(5) : payload
}
