import { Buffer } from 'node:buffer'
import type { Readable } from 'node:stream'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { ByteSource } from '../../io/http/request.ts'
import type { Engine, EngineReply } from '../engine.ts'
import { callForStatus, escapeSegment, plainCallMs, slowCallMs, transferIdleMs } from './call.ts'

/** What is at a path of a container. */
export interface PathStat {
  readonly name: string
  readonly size: number
  /** Go's file mode bits. */
  readonly mode: number
  readonly mtime: string
  readonly linkTarget: string
}

function archivePath(id: string): string {
  return `/containers/${escapeSegment(id)}/archive`
}

/** A tar stream of a path, which the caller must consume or destroy. @throws {engine/not-found} */
export async function getArchive(
  engine: Engine,
  id: string,
  path: string,
  o?: CallOptions,
): Promise<{ readonly stat: PathStat; readonly body: Readable }> {
  const reply = await engine.request(
    { method: 'GET', path: archivePath(id), query: { path }, stream: true, idleMs: transferIdleMs },
    { deadlineMs: plainCallMs, ...o },
  )
  try {
    return { stat: parseStat(reply), body: reply.body }
  } catch (error) {
    reply.body.destroy()
    throw error
  }
}

/** @throws {engine/not-found} */
export async function headArchive(engine: Engine, id: string, path: string, o?: CallOptions): Promise<PathStat> {
  const reply = await engine.request(
    { method: 'HEAD', path: archivePath(id), query: { path } },
    { deadlineMs: plainCallMs, ...o },
  )
  await reply.bytes()
  return parseStat(reply)
}

/** Extracts a tar (plain or compressed) into a directory of a container. */
export async function putArchive(
  engine: Engine,
  id: string,
  query: { readonly path: string; readonly noOverwriteDirNonDir?: boolean; readonly copyUidGid?: boolean },
  body: ByteSource | Uint8Array,
  o?: CallOptions,
): Promise<void> {
  await callForStatus(
    engine,
    {
      method: 'PUT',
      path: archivePath(id),
      query: {
        path: query.path,
        noOverwriteDirNonDir: query.noOverwriteDirNonDir,
        copyUIDGID: query.copyUidGid,
      },
      body,
    },
    o,
    slowCallMs,
  )
}

function parseStat(reply: EngineReply): PathStat {
  const header = reply.headers['x-docker-container-path-stat']
  try {
    const value: unknown = JSON.parse(Buffer.from(typeof header === 'string' ? header : '', 'base64').toString())
    if (typeof value === 'object' && value !== null) return value as PathStat
  } catch (error) {
    throw new FlotillaError('engine/protocol', 'the engine sent no readable path status', { cause: error })
  }
  throw new FlotillaError('engine/protocol', 'the engine sent no readable path status')
}
