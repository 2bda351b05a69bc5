import { Buffer } from 'node:buffer'
import { constants, promises as fs } from 'node:fs'
import { FlotillaError, isFlotillaError } from '../core/errors.ts'
import { toFilePath } from '../core/odd-name.ts'
import { fileReason } from '../core/file-reason.ts'

const streamedBytes = 64 * 1024

/** How a file is read. */
export interface ReadPiecesOptions {
  /** Where pieces are put, one after another: a piece counts until the next one is asked for. */
  readonly buffer: Uint8Array
  /** How much is read, no less and no more; absent: all there is. */
  readonly sizeBytes?: number
}

/**
 * The content of a regular file, piece by piece. The path may hold bytes that are no text (see `core/odd-name.ts`).
 *
 * The file may have been replaced since it was looked at: what is no file now is an error, also a pipe that nobody writes to,
 * where an ordinary open would wait, and the process with it, for ever.
 *
 * @throws {io/file} naming the path, also for a file that is shorter than `sizeBytes`
 */
export async function* readPieces(
  path: string,
  { buffer, sizeBytes = Infinity }: ReadPiecesOptions,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    const file = await fs.open(toFilePath(path), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      if (!(await file.stat()).isFile()) throw refuse(path, 'it is no longer a regular file')
      let left = sizeBytes
      while (left > 0) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, left))
        if (bytesRead === 0) break
        left -= bytesRead
        yield buffer.subarray(0, bytesRead)
      }
      if (left > 0 && sizeBytes !== Infinity) throw refuse(path, 'it became shorter while it was read')
    } finally {
      await file.close()
    }
  } catch (error) {
    throw isFlotillaError(error) ? error : refuse(path, fileReason(error), error)
  }
}

/** The same for a stream, which may hold on to pieces: each is its own. Exactly `sizeBytes`, more than none. */
export async function* readForStream(path: string, sizeBytes: number): AsyncGenerator<Uint8Array, void, void> {
  const buffer = Buffer.allocUnsafe(Math.min(streamedBytes, sizeBytes))
  for await (const piece of readPieces(path, { buffer, sizeBytes })) yield Buffer.from(piece)
}

function refuse(path: string, why: string, cause?: unknown): FlotillaError {
  return new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: ${why}`, { cause })
}
