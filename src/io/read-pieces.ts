import { Buffer } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { FlotillaError, isFlotillaError } from '../core/errors.ts'
import { toFilePath } from '../core/odd-name.ts'
import { fileReason } from '../core/file-reason.ts'

const streamedBytes = 64 * 1024
const readLater = promisify(read)

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
 * A file that fits into the buffer is read at once: the four turns through the thread pool that it takes otherwise cost many
 * times what the reading does.
 *
 * @throws {io/file} naming the path, also for a file that is shorter than `sizeBytes`
 */
export async function* readPieces(
  path: string,
  { buffer, sizeBytes = Infinity }: ReadPiecesOptions,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    const file = openSync(toFilePath(path), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const stats = fstatSync(file)
      if (!stats.isFile()) throw refuse(path, 'it is no longer a regular file')
      const isSmall = stats.size <= buffer.length
      let left = sizeBytes
      while (left > 0) {
        const count = Math.min(buffer.length, left)
        const bytesRead = isSmall
          ? readSync(file, buffer, 0, count, null)
          : (await readLater(file, buffer, 0, count, null)).bytesRead
        if (bytesRead === 0) break
        left -= bytesRead
        yield buffer.subarray(0, bytesRead)
      }
      if (left > 0 && sizeBytes !== Infinity) throw refuse(path, 'it became shorter while it was read')
    } finally {
      closeSync(file)
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
