import { Readable } from 'node:stream'
import { pack } from 'tar-stream'
import type { Pack } from 'tar-stream'

/**
 * A tar archive that is written while it is consumed: nothing is read before somebody wants the first piece, and nothing
 * after the consumer is gone. A failure of `fill` is that of the stream.
 *
 * @param fill puts the entries in; the end is put behind them
 */
export function streamArchive(fill: (archive: Pack) => Promise<void>): Readable {
  return Readable.from(readArchive(fill), { objectMode: false })
}

/** The package's own streams end in other ways than those of Node: nothing of them leaves this file but to be filled. */
async function* readArchive(fill: (archive: Pack) => Promise<void>): AsyncGenerator<Uint8Array, void> {
  const archive = pack()
  const filling = fill(archive).then(
    () => archive.finalize(),
    (error: unknown) => {
      archive.destroy(error instanceof Error ? error : undefined)
      throw error
    },
  )
  filling.catch(() => {})
  try {
    for await (const piece of archive as AsyncIterable<Uint8Array>) yield piece
  } catch (error) {
    await filling
    throw error
  } finally {
    archive.destroy()
  }
  await filling
}
