import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { codeOf } from './files.ts'

/**
 * Reads a whole text file in one go, for callers that cannot wait in the middle (the Compose loader finds
 * out what to read next while it reads). Pipes and devices are read too, up to the limit: `-f <(command)`.
 *
 * @returns the text, or `undefined` when there is no such file
 * @throws {io/file} for a folder, an unreadable file, one above `maxBytes`, and text that is not UTF-8
 */
export function readTextNow(path: string, maxBytes: number): string | undefined {
  try {
    return decode(path, readBytes(path, maxBytes))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined
    if (error instanceof FlotillaError) throw error
    throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: ${toMessage(error)}`, { cause: error })
  }
}

/**
 * Reads a whole file of any kind in one go.
 *
 * @returns its bytes, or `undefined` when there is no such file or it is a folder
 * @throws {io/file} for an unreadable file and one above `maxBytes`
 */
export function readBytesNow(path: string, maxBytes: number): Uint8Array | undefined {
  try {
    return kindOfPath(path) === 'folder' ? undefined : readBytes(path, maxBytes)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined
    if (error instanceof FlotillaError) throw error
    throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: ${toMessage(error)}`, { cause: error })
  }
}

function readBytes(path: string, maxBytes: number): Buffer {
  const file = openSync(path, 'r')
  try {
    if (fstatSync(file).isDirectory()) throw new FlotillaError('io/file', `read ${path}: is a directory`)
    const chunks: Buffer[] = []
    let total = 0
    for (;;) {
      const chunk = Buffer.allocUnsafe(64 * 1024)
      const count = readSync(file, chunk, 0, chunk.length, null)
      if (count === 0) return Buffer.concat(chunks)
      total += count
      if (total > maxBytes) {
        throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: it is larger than ${maxBytes} bytes`)
      }
      chunks.push(chunk.subarray(0, count))
    }
  } finally {
    closeSync(file)
  }
}

function decode(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: it is not UTF-8 text`, { cause: error })
  }
}

/** What stands at a path, links followed. */
export function kindOfPath(path: string): 'file' | 'folder' | 'other' | 'missing' {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return 'missing'
  if (found.isFile()) return 'file'
  return found.isDirectory() ? 'folder' : 'other'
}

/** The path with its links resolved; the path itself when nothing is there. */
export function resolveLinks(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
