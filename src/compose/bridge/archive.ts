import { promises as fs } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { FlotillaError } from '../../core/errors.ts'

/** Most bytes a transformation may give back. */
const maxBytes = 256 * 1024 * 1024

/** A tar of files and empty folders, owned by root. */
export async function* packFiles(
  files: ReadonlyMap<string, Uint8Array>,
  folders: readonly string[],
): AsyncGenerator<Uint8Array, void> {
  const { pack } = await import('tar-stream')
  const archive = pack()
  // Whoever the image runs as has to be able to write there.
  for (const name of folders) archive.entry({ name, type: 'directory', mode: 0o777 })
  for (const [name, content] of files) archive.entry({ name, mode: 0o644 }, Buffer.from(content))
  archive.finalize()
  yield* archive as AsyncIterable<Uint8Array>
}

/** Regular files below a folder, by path with `/`. */
export async function readFolder(folder: string, prefix: string): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found.set(
      `${prefix}/${path
        .slice(folder.length + 1)
        .split(sep)
        .join('/')}`,
      await fs.readFile(path),
    )
  }
  return found
}

/**
 * Writes what lies in one folder of an archive into a folder here. Only files and folders; what a container sends is not
 * trusted to stay where it belongs.
 *
 * @param root first part of the names in the archive, which is taken off
 * @throws {compose/execute} for names that lead elsewhere and for too much
 */
export async function unpackFolder(body: Readable, root: string, target: string): Promise<void> {
  const { extract } = await import('tar-stream')
  const reader = extract()
  let bytes = 0
  body.once('error', (error) => reader.destroy(error))
  body.pipe(reader)
  for await (const entry of reader) {
    const { name, type, mode } = entry.header
    const parts = name.split('/').filter((part) => part !== '' && part !== '.')
    const isOurs = parts[0] === root && !parts.includes('..') && !/[\\\0]/.test(name)
    if (!isOurs) throw new FlotillaError('compose/execute', `refusing ${JSON.stringify(name)} of the transformation`)
    const path = join(target, ...parts.slice(1))
    if (type === 'directory') await fs.mkdir(path, { recursive: true })
    if (type === 'file') {
      const chunks: Buffer[] = []
      for await (const chunk of entry) {
        chunks.push(chunk as Buffer)
        bytes += (chunk as Buffer).length
        if (bytes > maxBytes) throw new FlotillaError('compose/execute', 'the transformation gives more than 256 MiB')
      }
      await fs.mkdir(dirname(path), { recursive: true })
      await fs.writeFile(path, Buffer.concat(chunks), { mode: (mode ?? 0o644) & 0o777 })
    } else entry.resume()
  }
}
