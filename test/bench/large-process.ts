import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import process from 'node:process'
import { ReplyReader } from './reply-reader.ts'
import type { Place } from './endpoint-load.ts'

/** Large bodies to and from an engine, as a process of its own. Nothing of them is kept. */
export interface LargeOrder {
  readonly place: Place
  readonly method: string
  readonly path: string
  /** A tar archive is sent: a file of zeros and counted blocks of so many bytes, with these before it. Undefined: nothing. */
  readonly send?: {
    readonly bytes: number
    readonly name: string
    readonly before?: Readonly<Record<string, string>>
    /** The file is an archive itself, with the content as the file of this name: a layer of an image. */
    readonly inner?: string
  }
  /** The body that comes is a tar archive of one such file: it is read and compared. */
  readonly expect?: number
  /** Reads only so much a second. */
  readonly bytesPerSecond?: number
}

export interface LargeReport {
  readonly status: number
  readonly ms: number
  readonly bytes: number
  /** The first of the body. */
  readonly text: string
  /** Of the content of the file that came. */
  readonly digest: string
}

const blockBytes = 1024 * 1024

/** Block number `index` of the content: no two are alike, so that a lost or doubled one is seen. */
function makeBlock(block: Buffer, index: number): Buffer {
  for (let at = 0; at < block.length; at += 4096) block.writeUInt32BE(index, at)
  return block
}

/** Bytes that an archive of one file has besides those of the file. */
export const archiveBytes: number = 512 + 1024

/** The digest of a file of so many bytes, or of an archive that has it as the file `inner`. */
export function digestOf(bytes: number, inner?: string): string {
  const hash = createHash('sha256')
  if (inner !== undefined) hash.update(renderHeader(inner, bytes))
  const block = Buffer.alloc(blockBytes)
  for (let at = 0; at < bytes; at += blockBytes) hash.update(makeBlock(block, at / blockBytes))
  if (inner !== undefined) hash.update(Buffer.alloc(1024))
  return hash.digest('hex')
}

/** A header of a regular file; sizes of 8 GiB and more in base 256, as GNU tar writes them. */
function renderHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  if (size < 8 ** 11) header.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  else {
    header.writeUInt8(0x80, 124)
    header.writeBigUInt64BE(BigInt(size), 128)
  }
  header.write('00000000000\0', 136)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\u000000', 257)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return header
}

function renderFile(name: string, text: string): Buffer {
  const body = Buffer.alloc(Math.ceil(text.length / 512) * 512)
  body.write(text)
  return Buffer.concat([renderHeader(name, text.length), body])
}

async function send(
  socket: Socket,
  { bytes, name, inner, before = {} }: NonNullable<LargeOrder['send']>,
): Promise<void> {
  const put = async (data: Buffer): Promise<void> => {
    socket.cork()
    socket.write(`${data.length.toString(16)}\r\n`, 'latin1')
    socket.write(data)
    const hasRoom = socket.write('\r\n', 'latin1')
    process.nextTick(() => socket.uncork())
    if (!hasRoom && !socket.destroyed) {
      await new Promise<void>((resolve) => {
        function goOn(): void {
          socket.off('drain', goOn)
          socket.off('close', goOn)
          resolve()
        }
        socket.on('drain', goOn)
        socket.on('close', goOn)
      })
    }
  }
  for (const [file, text] of Object.entries(before)) await put(renderFile(file, text))
  await put(renderHeader(name, inner === undefined ? bytes : bytes + archiveBytes))
  if (inner !== undefined) await put(renderHeader(inner, bytes))
  // Two in turn: one is still on its way while the other is written.
  const blocks = [Buffer.alloc(blockBytes), Buffer.alloc(blockBytes)]
  for (let at = 0; at < bytes && !socket.destroyed; at += blockBytes) {
    const index = at / blockBytes
    await put(makeBlock(blocks[index % 2] ?? Buffer.alloc(0), index))
  }
  await put(Buffer.alloc(inner === undefined ? 1024 : 2048))
  socket.write('0\r\n\r\n')
}

/** Digests the content of the first file of that size in a tar archive. */
class TarDigest {
  readonly #hash = createHash('sha256')
  readonly #wanted: number
  #pending: Buffer = Buffer.alloc(0)
  #left = 0
  #isWanted = false
  #padding = 0
  /** Records of an extended header; above 8 GiB they have the size. */
  #records: string | undefined
  #knownSize: number | undefined
  digest = ''

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  push(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#left > 0) {
        const part = rest.subarray(0, Math.min(this.#left, rest.length))
        if (this.#isWanted) this.#hash.update(part)
        if (this.#records !== undefined) this.#records += part.toString('latin1')
        this.#left -= part.length
        rest = rest.subarray(part.length)
        if (this.#left === 0 && this.#isWanted) {
          this.digest = this.#hash.digest('hex')
          this.#isWanted = false
        }
        if (this.#left === 0 && this.#records !== undefined) {
          const size = /\d+ size=(\d+)\n/.exec(this.#records)?.[1]
          this.#knownSize = size === undefined ? undefined : Number(size)
          this.#records = undefined
        }
      } else if (this.#padding > 0) {
        const count = Math.min(this.#padding, rest.length)
        this.#padding -= count
        rest = rest.subarray(count)
      } else rest = this.#readHeader(rest)
    }
  }

  #readHeader(bytes: Buffer): Buffer {
    const all = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    this.#pending = all.length < 512 ? all : Buffer.alloc(0)
    if (all.length < 512) return Buffer.alloc(0)
    const isBinary = (all[124] ?? 0) >= 0x80
    const octal = Number.parseInt(all.toString('latin1', 124, 135), 8)
    const isExtended = all[156] === 0x78
    this.#records = isExtended ? '' : undefined
    this.#left = isBinary ? Number(all.readBigUInt64BE(128)) : Number.isNaN(octal) ? 0 : octal
    if (!isExtended && this.#knownSize !== undefined) {
      this.#left = this.#knownSize
      this.#knownSize = undefined
    }
    this.#padding = (512 - (this.#left % 512)) % 512
    this.#isWanted = this.#left === this.#wanted && this.digest === ''
    return all.subarray(512)
  }
}

async function run(order: LargeOrder): Promise<LargeReport> {
  const { place, method, path } = order
  const socket = 'port' in place ? connect({ port: place.port, host: '127.0.0.1' }) : connect({ path: place.path })
  const start = performance.now()
  let text = ''
  const tar = order.expect === undefined ? undefined : new TarDigest(order.expect)
  const reader = new ReplyReader((bytes) => {
    if (text.length < 2000) text += bytes.toString('latin1', 0, 2000)
    tar?.push(bytes)
  })
  const done = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk) => {
      if (reader.push(chunk)) resolve()
      else if (order.bytesPerSecond !== undefined) {
        socket.pause()
        setTimeout(() => socket.resume(), (chunk.length * 1000) / order.bytesPerSecond)
      }
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`closed after ${reader.bodyBytes} bytes: ${reader.status} ${text}`)))
  })
  const framing =
    order.send === undefined
      ? 'Content-Length: 0\r\n'
      : 'Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n'
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: d\r\n${framing}\r\n`)
  if (order.send !== undefined) await Promise.race([send(socket, order.send), done])
  await done
  const ms = performance.now() - start
  socket.destroy()
  const bytes = (order.send?.bytes ?? 0) + reader.bodyBytes
  return { status: reader.status, ms, bytes, text: text.slice(0, 2000), digest: tar?.digest ?? '' }
}

function failed(error: unknown): LargeReport {
  return { status: 0, ms: 0, bytes: 0, text: String(error), digest: '' }
}

if (process.argv[1]?.includes('large-process') === true) {
  process.on(
    'message',
    (order: LargeOrder) =>
      void run(order)
        .catch(failed)
        .then((report) => process.send?.(report)),
  )
  process.on('disconnect', () => process.exit(0))
  process.send?.('ready')
}
