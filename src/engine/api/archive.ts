import { Buffer } from 'node:buffer'
import type { Readable } from 'node:stream'
import type { CallOptions } from '../../core/call.ts'
import { toMessage } from '../../core/errors.ts'
import type { ByteSource } from '../../io/http/request.ts'
import type { Engine, EngineReply } from '../engine.ts'
import { invalidAnswer } from '../errors.ts'
import { findMisfit } from '../shape.ts'
import type { Shape } from '../shape.ts'
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
    return { stat: parseStat(engine, reply), body: reply.body }
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
  return parseStat(engine, reply)
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

const pathStat: Shape = { must: { name: 'text', size: 'number', mode: 'number' }, may: { linkTarget: 'text' } }

function parseStat(engine: Engine, reply: EngineReply): PathStat {
  const header = reply.headers['x-docker-container-path-stat']
  try {
    const value: unknown = JSON.parse(Buffer.from(typeof header === 'string' ? header : '', 'base64').toString())
    const misfit = findMisfit(value, pathStat)
    if (misfit !== undefined) throw new Error(misfit)
    return value as PathStat
  } catch (error) {
    throw invalidAnswer(engine.endpoint, `no readable path status: ${toMessage(error)}`)
  }
}
