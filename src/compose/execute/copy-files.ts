import { posix } from 'node:path'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { putArchive } from '../../engine/api/archive.ts'
import type { Engine } from '../../engine/engine.ts'
import { materialKey } from '../model/material.ts'
import type { Materials } from '../model/material.ts'
import type { FileCopy } from '../translate/file.ts'

/**
 * Writes configs and secrets into a container that was created and is not started, with one call. Owner and mode
 * are those of the copies; folders on the way are made by the engine. A folder where the file is to be is an error: the
 * engine would delete what it holds first, that of a volume too.
 *
 * @param made what the files hold, and when they are said to be written: a web server that names them by size and time would
 *   take a changed config of the same size for the old one if that were always the same moment
 * @throws {compose/plan} for a content that was not read before
 */
export async function copyFiles(
  engine: Engine,
  id: string,
  copies: readonly FileCopy[],
  made: FileMaking,
  o: CallOptions,
): Promise<void> {
  await putArchive(engine, id, { path: '/', noOverwriteDirNonDir: true }, await packFiles(copies, made), o)
}

export interface FileMaking {
  readonly materials: Materials
  readonly atMs: number
}

async function packFiles(copies: readonly FileCopy[], { materials, atMs }: FileMaking): Promise<Uint8Array> {
  const { pack } = await import('tar-stream')
  const archive = pack()
  const chunks: Uint8Array[] = []
  const read = (async () => {
    for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk)
  })()
  for (const { kind, name, target, uid, gid, mode } of copies) {
    const content = materials.entries.get(materialKey(kind, name))?.content
    if (content === undefined) throw new FlotillaError('compose/plan', `${kind} "${name}" has no content to copy`)
    const path = posix.normalize(target).replace(/^\/+/, '')
    archive.entry({ name: path, size: content.byteLength, uid, gid, mode, mtime: new Date(atMs) }, toBuffer(content))
  }
  archive.finalize()
  await read
  return Buffer.concat(chunks)
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
