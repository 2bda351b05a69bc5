import type { Readable } from 'node:stream'
import type { CallOptions } from '../../core/call.ts'
import type { Engine } from '../engine.ts'
import { callForShape, escapeSegment, slowCallMs, transferIdleMs } from './call.ts'
import { made as madeShape } from './shapes.ts'

/** What a new image is called and made of besides the files of its container. */
export interface CommitQuery {
  readonly repo?: string
  readonly tag?: string
  readonly comment?: string
  readonly author?: string
  /** Default true. */
  readonly pause?: boolean
  /** Dockerfile instructions. */
  readonly changes?: readonly string[]
}

/** Makes an image of a container. @returns its ID */
export async function commitContainer(
  engine: Engine,
  container: string,
  query: CommitQuery,
  o?: CallOptions,
): Promise<string> {
  const { repo, tag, comment, author, pause, changes } = query
  const made = await callForShape<{ readonly Id: string }>(
    engine,
    {
      method: 'POST',
      path: '/commit',
      query: { container, repo, tag, comment, author, pause, changes },
      // An empty configuration keeps the container's own.
      body: {},
    },
    madeShape,
    o,
    slowCallMs,
  )
  return made.Id
}

/** The files of a container as a tar stream, which the caller must consume or destroy. */
export async function exportContainer(engine: Engine, container: string, o?: CallOptions): Promise<Readable> {
  const reply = await engine.request(
    {
      method: 'GET',
      path: `/containers/${escapeSegment(container)}/export`,
      stream: true,
      idleMs: transferIdleMs,
    },
    { deadlineMs: slowCallMs, ...o },
  )
  return reply.body
}
