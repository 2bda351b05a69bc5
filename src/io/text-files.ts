import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { FlotillaError } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { codeOf } from './files.ts'

/**
 * Reads a whole text file in one go, for callers that cannot wait in the middle (the Compose loader finds
 * out what to read next while it reads). Pipes and devices are read too, up to the limit: `-f <(command)`. UTF-16 is
 * taken where its mark stands in front, as some editors and shells of Windows write it.
 *
 * @returns the text, or `undefined` when there is no such file
 * @throws {io/file} for a folder, an unreadable file, a pipe nobody writes into, and other bytes than text;
 *   {io/too-large} for one above `maxBytes`
 */
export function readTextNow(path: string, maxBytes: number, patienceMs?: number): string | undefined {
  return readDecoded(path, maxBytes, patienceMs, (bytes) => decodeText(path, bytes))
}

/** As `readTextNow`, with U+FFFD for each byte that is no text. */
export function readLooseTextNow(path: string, maxBytes: number): string | undefined {
  return readDecoded(path, maxBytes, undefined, (bytes) =>
    new TextDecoder(encodingOf(bytes), { ignoreBOM: true }).decode(bytes),
  )
}

function readDecoded(
  path: string,
  maxBytes: number,
  patienceMs: number | undefined,
  decode: (bytes: Buffer) => string,
): string | undefined {
  try {
    return decode(readBytes(path, maxBytes, patienceMs))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined
    if (error instanceof FlotillaError) throw error
    throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: ${fileReason(error)}`, { cause: error })
  }
}

/**
 * Reads a whole file of any kind in one go.
 *
 * @returns its bytes, or `undefined` when there is no such file or it is a folder
 * @throws {io/file} for an unreadable file; {io/too-large} for one above `maxBytes`
 */
export function readBytesNow(path: string, maxBytes: number, patienceMs?: number): Uint8Array | undefined {
  try {
    return kindOfPath(path) === 'folder' ? undefined : readBytes(path, maxBytes, patienceMs)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined
    if (error instanceof FlotillaError) throw error
    throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: ${fileReason(error)}`, { cause: error })
  }
}

function readBytes(path: string, maxBytes: number, patienceMs = pipePatienceMs): Buffer {
  const isPipe = isNamedPipe(path)
  // Opening a pipe waits for its writer, for ever and deaf to Ctrl-C, unless told not to.
  const file = openSync(path, isPipe ? constants.O_RDONLY | constants.O_NONBLOCK : 'r')
  try {
    if (fstatSync(file).isDirectory()) throw new FlotillaError('io/file', `read ${path}: is a directory`)
    const chunks: Buffer[] = []
    let total = 0
    let waitedMs = 0
    for (;;) {
      const chunk = Buffer.allocUnsafe(64 * 1024)
      const count = readSome(file, chunk)
      if (count === 0 && (!isPipe || total > 0)) return Buffer.concat(chunks)
      if (count === undefined || count === 0) {
        if (waitedMs >= patienceMs) {
          throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: it is a pipe nobody writes into`)
        }
        waitedMs += pauseMs
        Atomics.wait(sleeper, 0, 0, pauseMs)
        continue
      }
      waitedMs = 0
      total += count
      if (total > maxBytes) {
        const message = `cannot read ${JSON.stringify(path)}: it is larger than ${maxBytes} bytes`
        throw new FlotillaError('io/too-large', message)
      }
      chunks.push(chunk.subarray(0, count))
    }
  } finally {
    closeSync(file)
  }
}

/** How long a pipe of the file system may stay silent. */
const pipePatienceMs = 10_000
const pauseMs = 10
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** @returns undefined while the writer of a pipe has nothing to say */
function readSome(file: number, into: Buffer): number | undefined {
  try {
    return readSync(file, into, 0, into.length, null)
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return undefined
    throw error
  }
}

/** A pipe of the file system. That of `<(command)` has no path of its own, and its writer is there already. */
function isNamedPipe(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO() !== true) return false
  try {
    return statSync(realpathSync(path)).isFIFO()
  } catch {
    return false
  }
}

/**
 * The text that bytes stand for: UTF-8, or UTF-16 with its mark in front.
 *
 * @param path where they are from, for the error
 * @throws {io/file} for other bytes than text
 */
export function decodeText(path: string, bytes: Buffer): string {
  const encoding = encodingOf(bytes)
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    const [name, place] = encoding === 'utf-8' ? ['UTF-8', ` (line ${wrongLine(bytes)})`] : ['UTF-16', '']
    const message = `cannot read ${JSON.stringify(path)}: it is not ${name} text${place}`
    throw new FlotillaError('io/file', message, { cause: error })
  }
}

function encodingOf(bytes: Buffer): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
}

/** The first line that is no UTF-8. Bytes of line ends stand for nothing else in it. */
function wrongLine(bytes: Buffer): number {
  let line = 1
  for (let at = 0; at < bytes.length; line += 1) {
    const end = bytes.indexOf(0x0a, at)
    const next = end === -1 ? bytes.length : end + 1
    if (!isUtf8(bytes.subarray(at, next))) return line
    at = next
  }
  return line
}

/**
 * What stands at a path, links followed.
 *
 * @throws {io/file} where that cannot be seen
 */
export function kindOfPath(path: string): 'file' | 'folder' | 'other' | 'missing' {
  const found = lookAt(path)
  if (found === undefined) return 'missing'
  if (found.isFile()) return 'file'
  return found.isDirectory() ? 'folder' : 'other'
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw new FlotillaError('io/file', `stat ${path}: ${fileReason(error)}`, { cause: error })
  }
}

/** The path with its links resolved; the path itself when nothing is there. */
export function resolveLinks(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
