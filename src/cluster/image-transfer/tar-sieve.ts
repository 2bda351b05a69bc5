import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'

/** One entry of a tar as its headers describe it. */
export interface TarEntry {
  readonly name: string
  /** Bytes of content; 0 for links and directories. */
  readonly size: number
  readonly isFile: boolean
}

/** `read`: passed on and looked at too. */
export type Verdict = 'pass' | 'drop' | 'read'

export interface SieveRules {
  /** Asked once per entry, in their order. */
  judge(entry: TarEntry): Verdict
  /** The whole content of an entry that was to be read; not called for one above `maxReadBytes`. */
  onRead(entry: TarEntry, content: Buffer): void
}

export interface TarSieve {
  /** Takes the next piece of the archive. @returns what is to be sent on of it, in order */
  push(chunk: Buffer): readonly Buffer[]
  /** @throws {engine/protocol} when the archive breaks off inside an entry */
  end(): void
}

const blockBytes = 512
/** Most content that is kept for `onRead`, and most that headers of one entry may take. */
export const maxReadBytes: number = 1024 * 1024

/**
 * Leaves entries out of a tar on its way, without ever holding more of it than one header. What passes is passed byte
 * for byte. Understands what engines write: ustar, pax and GNU headers (POSIX pax; Go archive/tar).
 */
export function makeTarSieve(rules: SieveRules): TarSieve {
  return new Sieve(rules)
}

interface Body {
  readonly entry: TarEntry
  readonly verdict: Verdict
  left: number
  leftContent: number
  readonly content: Buffer[] | undefined
}

interface Extension {
  readonly type: string
  left: number
  leftContent: number
  readonly content: Buffer[]
}

class Sieve implements TarSieve {
  readonly #rules: SieveRules
  /** The beginning of a header whose rest has not come. */
  #partial: Buffer | undefined
  /** Extension headers of the entry to come, as they were. */
  #held: Buffer[] = []
  #heldBytes = 0
  #extension: Extension | undefined
  /** GNU's long name, which goes before that of pax in whatever order they come (Go archive/tar). */
  #longName: string | undefined
  #path: string | undefined
  #size: number | undefined
  #body: Body | undefined
  #isOver = false

  constructor(rules: SieveRules) {
    this.#rules = rules
  }

  push(chunk: Buffer): readonly Buffer[] {
    const out: Buffer[] = []
    let rest = chunk
    while (rest.length > 0) {
      if (this.#isOver) {
        out.push(rest)
        break
      }
      if (this.#body !== undefined) rest = this.#takeBody(this.#body, rest, out)
      else if (this.#extension !== undefined) rest = this.#takeExtension(this.#extension, rest)
      else rest = this.#takeHeader(rest, out)
    }
    return out
  }

  end(): void {
    const isWhole = this.#partial === undefined && this.#body === undefined && this.#heldBytes === 0
    if (!isWhole) throw broken('it ends in the middle of an entry')
  }

  #takeHeader(chunk: Buffer, out: Buffer[]): Buffer {
    const whole = this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk.subarray(0, blockBytes)])
    if (whole.length < blockBytes) {
      this.#partial = Buffer.from(whole)
      return emptyRest
    }
    const used = blockBytes - (this.#partial?.length ?? 0)
    this.#partial = undefined
    this.#onHeader(whole.subarray(0, blockBytes), out)
    return chunk.subarray(used)
  }

  #onHeader(header: Buffer, out: Buffer[]): void {
    if (header.every((byte) => byte === 0)) {
      // The end of the archive: whatever follows is padding.
      this.#isOver = true
      if (this.#heldBytes > 0) throw broken('a header without its entry')
      out.push(header)
      return
    }
    checkSum(header)
    const type = String.fromCharCode(header[156] ?? 0)
    const size = readNumber(header.subarray(124, 136))
    if (extensionTypes.has(type)) {
      if (size > maxReadBytes) throw broken(`a header of ${size} bytes`)
      this.#hold(header)
      this.#extension = { type, left: padded(size), leftContent: size, content: [] }
      if (size === 0) this.#closeExtension()
      return
    }
    const isBare = bareTypes.has(type)
    const content = isBare ? 0 : (this.#size ?? size)
    const isFile = type === '0' || type === '\0' || type === '7'
    const entry: TarEntry = { name: cleanName(this.#longName ?? this.#path ?? readName(header)), size: content, isFile }
    const verdict = this.#rules.judge(entry)
    if (verdict !== 'drop') out.push(...this.#held, header)
    this.#held = []
    this.#heldBytes = 0
    this.#longName = undefined
    this.#path = undefined
    this.#size = undefined
    const isRead = verdict === 'read' && content <= maxReadBytes
    this.#body = { entry, verdict, left: padded(content), leftContent: content, content: isRead ? [] : undefined }
    if (content === 0) this.#closeBody(this.#body)
  }

  #takeBody(body: Body, chunk: Buffer, out: Buffer[]): Buffer {
    const piece = chunk.subarray(0, body.left)
    body.left -= piece.length
    if (body.content !== undefined && body.leftContent > 0) {
      body.content.push(Buffer.from(piece.subarray(0, body.leftContent)))
      body.leftContent -= Math.min(body.leftContent, piece.length)
    }
    if (body.verdict !== 'drop') out.push(piece)
    if (body.left === 0) this.#closeBody(body)
    return chunk.subarray(piece.length)
  }

  #closeBody(body: Body): void {
    this.#body = undefined
    if (body.content !== undefined) this.#rules.onRead(body.entry, Buffer.concat(body.content))
  }

  #takeExtension(extension: Extension, chunk: Buffer): Buffer {
    const piece = chunk.subarray(0, extension.left)
    this.#hold(piece)
    extension.left -= piece.length
    if (extension.leftContent > 0) {
      extension.content.push(Buffer.from(piece.subarray(0, extension.leftContent)))
      extension.leftContent -= Math.min(extension.leftContent, piece.length)
    }
    if (extension.left === 0) this.#closeExtension()
    return chunk.subarray(piece.length)
  }

  #closeExtension(): void {
    const extension = this.#extension
    this.#extension = undefined
    if (extension === undefined) return
    const text = Buffer.concat(extension.content)
    if (extension.type === 'L') this.#longName = untilZero(text) || undefined
    if (extension.type !== 'x') return
    // The last extended header counts alone, and an empty record as none (Go archive/tar).
    const records = readPax(text)
    // Sparse files have names and sizes of their own there, and no engine writes them.
    if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) throw broken('a sparse file')
    this.#path = records.get('path') || undefined
    this.#size = undefined
    const size = records.get('size') || undefined
    if (size === undefined) return
    if (!/^\d{1,16}$/.test(size)) throw broken('a size that is no number')
    this.#size = checkSize(Number(size))
  }

  #hold(bytes: Buffer): void {
    this.#heldBytes += bytes.length
    if (this.#heldBytes > maxReadBytes + 4 * blockBytes) throw broken('headers without end')
    this.#held.push(Buffer.from(bytes))
  }
}

const emptyRest: Buffer = Buffer.alloc(0)
/** pax of one entry, pax of all that follow, GNU long name, GNU long link target. */
const extensionTypes: ReadonlySet<string> = new Set(['x', 'g', 'L', 'K'])
/** Links, devices, directories and pipes have no content, whatever their size field says. */
const bareTypes: ReadonlySet<string> = new Set(['1', '2', '3', '4', '5', '6'])

function broken(what: string): FlotillaError {
  return new FlotillaError('engine/protocol', `not an image archive: ${what}`)
}

function padded(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes
}

function checkSize(size: number): number {
  if (Number.isSafeInteger(size) && size >= 0 && size < Number.MAX_SAFE_INTEGER - blockBytes) return size
  throw broken('a size that cannot be')
}

function checkSum(header: Buffer): void {
  let sum = 0
  for (const [at, byte] of header.entries()) sum += at >= 148 && at < 156 ? 32 : byte
  if (readNumber(header.subarray(148, 156)) !== sum) throw broken('a header with a wrong checksum')
}

/** Octal text, or a big number with the first bit set. */
function readNumber(field: Buffer): number {
  const first = field[0] ?? 0
  if ((first & 0x80) === 0) {
    const text = untilZero(field).trim()
    if (text === '') return 0
    if (!/^[0-7]+$/.test(text)) throw broken('a header whose number is none')
    return checkSize(Number.parseInt(text, 8))
  }
  if (first !== 0x80) throw broken('a size that cannot be')
  let value = 0
  for (const byte of field.subarray(1)) value = checkSize(value * 256 + byte)
  return value
}

function readName(header: Buffer): string {
  const name = untilZero(header.subarray(0, 100))
  // GNU's own format keeps other things where ustar has the prefix.
  const isUstar = header.toString('latin1', 257, 265) === 'ustar\u000000'
  const prefix = isUstar ? untilZero(header.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

function untilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

function cleanName(name: string): string {
  return name.replace(/^(?:\.?\/)+/, '')
}

/** Records `LENGTH KEY=VALUE\n`; the last of a key counts. */
function readPax(bytes: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>()
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at)
    const length = space < 0 ? Number.NaN : Number(bytes.toString('latin1', at, space))
    const end = at + length
    if (!Number.isInteger(length) || length < 1 || end > bytes.length || bytes[end - 1] !== 0x0a || space >= end) {
      throw broken('an extended header that cannot be read')
    }
    const record = bytes.toString('utf8', space + 1, end - 1)
    const equals = record.indexOf('=')
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1))
    at = end
  }
  return records
}
