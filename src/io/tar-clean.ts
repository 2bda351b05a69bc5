import { Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract, pack } from 'tar-stream'
import type { Header, Pack } from 'tar-stream'
import { FlotillaError } from '../core/errors.ts'
import { timeOf, withLargeNumbers } from './tar-header.ts'

/**
 * A tar archive of what is in a folder as it may be unpacked by somebody who trusts its sender with the folder only: the
 * folder itself is left out, so that its mode stays, set-user-ID bits are taken away, and a name that leads out of the
 * folder, by `..`, a leading slash or a link of the archive, is an error.
 *
 * @throws {io/file} through the stream, for such a name
 */
export function cleanArchive(archive: Readable): Readable {
  return Readable.from(clean(archive), { objectMode: false })
}

async function* clean(archive: Readable): AsyncGenerator<Uint8Array, void> {
  const out = pack()
  const filling = refill(archive, out).then(
    () => out.finalize(),
    (error: unknown) => {
      out.destroy(error instanceof Error ? error : undefined)
      throw error
    },
  )
  filling.catch(() => {})
  try {
    for await (const piece of out as AsyncIterable<Uint8Array>) yield piece
  } catch (error) {
    await filling
    throw error
  } finally {
    out.destroy()
    archive.destroy()
  }
  await filling
}

async function refill(archive: Readable, out: Pack): Promise<void> {
  const reader = extract()
  const links = new Set<string>()
  const feeding = pipeline(archive, reader as unknown as Writable)
  feeding.catch(() => {})
  for await (const source of reader) {
    const entry = source as unknown as Readable
    const header = cleanHeader(source.header, links)
    if (header === undefined) {
      entry.resume()
      continue
    }
    // A second name of a link is a link too.
    const isLink = header.type === 'symlink' || (header.type === 'link' && links.has(header.linkname ?? ''))
    if (isLink) links.add(header.name)
    await addEntry(out, header, entry)
  }
  // A sender that fails at its very end has sent a whole archive all the same.
  await feeding
}

/** @returns undefined for the folder itself */
function cleanHeader(header: Header, links: ReadonlySet<string>): Header | undefined {
  const name = toInner(header.name)
  if (name === '') return undefined
  refuseThroughLinks(name, header.name, links)
  const mode = (header.mode ?? 0o644) & 0o777
  const { pax: _pax, ...rest } = header
  const linkname = header.type === 'link' ? { linkname: toLinked(header.linkname ?? '', links) } : {}
  const mtime = timeOf(header)
  const place = header.type === 'directory' ? `${name}/` : name
  return withLargeNumbers({ ...rest, name: place, mode, ...linkname, ...(mtime !== undefined && { mtime }) })
}

/** What a hard link stands for: a file that came before it, and no way out of the folder. */
function toLinked(name: string, links: ReadonlySet<string>): string {
  const inner = toInner(name)
  refuseThroughLinks(inner, name, links)
  return inner
}

/** @throws {io/file} for a name below a link of the archive */
function refuseThroughLinks(inner: string, name: string, links: ReadonlySet<string>): void {
  const elements = inner.split('/')
  for (let depth = 1; depth < elements.length; depth += 1) {
    if (links.has(elements.slice(0, depth).join('/'))) throw outside(name)
  }
}

function toInner(name: string): string {
  const elements = name.split('/').filter((element) => element !== '' && element !== '.')
  if (name.startsWith('/') || elements.includes('..')) throw outside(name)
  return elements.join('/')
}

function outside(name: string): FlotillaError {
  return new FlotillaError('io/file', `the archive would write outside the target: "${name}"`)
}

async function addEntry(out: Pack, header: Header, content: Readable): Promise<void> {
  if (header.type !== 'file' && header.type !== 'contiguous-file') {
    content.resume()
    await new Promise<void>((resolve, reject) => {
      out.entry(header, (error) => (error === null || error === undefined ? resolve() : reject(error)))
    })
    return
  }
  const sink = out.entry(header) as unknown as Writable
  if (header.size === 0) {
    content.resume()
    return void sink.end()
  }
  await pipeline(content, sink)
}
