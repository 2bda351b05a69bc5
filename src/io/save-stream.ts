import { createWriteStream, promises as fs } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { FlotillaError } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { codeOf, makeNonce } from './files.ts'

/**
 * Writes a stream to a file that appears whole or not at all. What is no plain file (a pipe, `/dev/null`) is written
 * to directly.
 *
 * @throws {io/file} when the file cannot be written; failures of the stream as they are
 */
export async function saveStream(source: Readable, path: string): Promise<void> {
  const kind = await fs.stat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw cannotWrite(path, error)
  })
  if (kind?.isDirectory() === true) {
    source.destroy()
    throw new FlotillaError('io/file', `cannot write "${path}": it is a directory`)
  }
  if (kind !== undefined && !kind.isFile()) return write(source, path, path)
  const temporary = `${path}.${makeNonce()}`
  try {
    await write(source, temporary, path)
    await fs.rename(temporary, path)
  } catch (error) {
    await fs.rm(temporary, { force: true })
    throw error
  }
}

async function write(source: Readable, file: string, path: string): Promise<void> {
  const target = createWriteStream(file, { mode: 0o600 })
  let ofSource: unknown
  let ofTarget: unknown
  source.once('error', (error) => (ofSource = error))
  target.once('error', (error) => (ofTarget = error))
  try {
    await pipeline(source, target)
  } catch (error) {
    // Only what the file system said is about the file; a source that breaks off ends the target with its own error.
    throw ofTarget === error && ofSource !== error ? cannotWrite(path, error) : error
  }
}

function cannotWrite(path: string, error: unknown): FlotillaError {
  return new FlotillaError('io/file', `cannot write "${path}": ${fileReason(error)}`, { cause: error })
}
