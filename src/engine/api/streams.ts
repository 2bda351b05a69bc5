import type { CallOptions } from '../../core/call.ts'
import type { Engine } from '../engine.ts'
import { demultiplex, toOutput } from '../streams.ts'
import type { AttachedStream, OutputChunk } from '../streams.ts'
import { createCallMs, escapeSegment, plainCallMs } from './call.ts'
import { inspectContainer } from './containers.ts'

/** Which part of a container's log, as `docker logs` names it. Times are RFC 3339 or epoch seconds. */
export interface LogsQuery {
  readonly follow?: boolean
  /** Default true. */
  readonly stdout?: boolean
  /** Default true. */
  readonly stderr?: boolean
  readonly since?: string | number
  readonly until?: string | number
  readonly timestamps?: boolean
  /** Number of lines from the end, or `all`. */
  readonly tail?: string | number
  /** Whether the container has a TTY; asked of the engine where it is needed and not known. */
  readonly tty?: boolean
}

/**
 * The log of a container in the order written. A TTY's output is all `stdout`. Ends at the end of the log,
 * or with `follow` when the container stops; leaving the loop early closes the connection.
 */
export async function containerLogs(
  engine: Engine,
  id: string,
  query: LogsQuery = {},
  o?: CallOptions,
): Promise<AsyncIterable<OutputChunk>> {
  const { follow, stdout = true, stderr = true, since, until, timestamps, tail } = query
  const tty = query.tty ?? (await readTty(engine, id, o))
  const reply = await engine.request(
    {
      method: 'GET',
      path: `/containers/${escapeSegment(id)}/logs`,
      query: { follow, stdout, stderr, since, until, timestamps, tail },
      stream: true,
    },
    { deadlineMs: plainCallMs, ...o },
  )
  return demultiplex(reply.body, isFramed(reply.headers['content-type'], tty), engine.endpoint)
}

/** What to attach. `stream` true (the default) follows, `logs` replays what was written before. */
export interface AttachQuery {
  readonly stdin?: boolean
  /** Default true. */
  readonly stdout?: boolean
  /** Default true. */
  readonly stderr?: boolean
  readonly stream?: boolean
  readonly logs?: boolean
  readonly detachKeys?: string
  /** Whether the container has a TTY; asked of the engine where it is needed and not known. */
  readonly tty?: boolean
}

/** Joins a container's streams. Ending `socket` closes the container's stdin and leaves its output open. */
export async function attachContainer(
  engine: Engine,
  id: string,
  query: AttachQuery = {},
  o?: CallOptions,
): Promise<AttachedStream> {
  const { stdin, stdout = true, stderr = true, stream = true, logs, detachKeys } = query
  const tty = query.tty ?? (await readTty(engine, id, o))
  const hijacked = await engine.hijack(
    {
      method: 'POST',
      path: `/containers/${escapeSegment(id)}/attach`,
      query: { stdin, stdout, stderr, stream, logs, detachKeys },
    },
    { deadlineMs: createCallMs, ...o },
  )
  return toOutput(hijacked.socket, isFramed(hijacked.headers['content-type'], tty), engine.endpoint)
}

/** Tells the terminal of a container that runs its size, in characters. */
export function resizeContainer(
  engine: Engine,
  id: string,
  size: { readonly rows: number; readonly columns: number },
  o?: CallOptions,
): Promise<void> {
  return postResize(engine, `/containers/${escapeSegment(id)}/resize`, size, o)
}

/** `POST …/resize` of a container or an exec. */
export async function postResize(
  engine: Engine,
  path: string,
  size: { readonly rows: number; readonly columns: number },
  o?: CallOptions,
): Promise<void> {
  const reply = await engine.request(
    { method: 'POST', path, query: { h: size.rows, w: size.columns } },
    { deadlineMs: plainCallMs, ...o },
  )
  await reply.bytes()
}

/** Undefined on engines that name the framing in the answer itself, which saves a call. */
async function readTty(engine: Engine, id: string, o?: CallOptions): Promise<boolean | undefined> {
  const [, minor = 0] = (await engine.apiVersion(o)).split('.').map(Number)
  if (minor >= 42) return undefined
  const container = await inspectContainer(engine, id, {}, o)
  return container.Config.Tty === true
}

function isFramed(contentType: string | readonly string[] | undefined, tty: boolean | undefined): boolean {
  if (contentType === 'application/vnd.docker.multiplexed-stream') return true
  return tty === undefined ? contentType !== 'application/vnd.docker.raw-stream' : !tty
}
