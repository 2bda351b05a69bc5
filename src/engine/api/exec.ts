import type { CallOptions } from '../../core/call.ts'
import type { Engine } from '../engine.ts'
import { toOutput } from '../streams.ts'
import type { AttachedStream } from '../streams.ts'
import { callForShape, callForStatus, createCallMs, escapeSegment } from './call.ts'
import { execDetails, made } from './shapes.ts'
import { postResize } from './streams.ts'
import type { ExecCreateBody, ExecInspect } from './types-resource.ts'

/** @throws {engine/conflict} when the container does not run or is paused */
export function createExec(
  engine: Engine,
  containerId: string,
  body: ExecCreateBody,
  o?: CallOptions,
): Promise<{ readonly Id: string }> {
  const path = `/containers/${escapeSegment(containerId)}/exec`
  return callForShape(engine, { method: 'POST', path, body }, made, o)
}

/** Starts an exec and joins its streams. Ending `socket` closes the process's stdin. */
export async function startExec(
  engine: Engine,
  execId: string,
  body: { readonly tty?: boolean; readonly consoleSize?: readonly [number, number] } = {},
  o?: CallOptions,
): Promise<AttachedStream> {
  const { tty = false, consoleSize } = body
  const hijacked = await engine.hijack(
    {
      method: 'POST',
      path: `/exec/${escapeSegment(execId)}/start`,
      body: { Detach: false, Tty: tty, ...(consoleSize === undefined ? {} : { ConsoleSize: consoleSize }) },
    },
    { deadlineMs: createCallMs, ...o },
  )
  return toOutput(hijacked.socket, !tty, engine.endpoint)
}

/** Starts an exec and leaves it alone. */
export async function startExecDetached(
  engine: Engine,
  execId: string,
  body: { readonly tty?: boolean } = {},
  o?: CallOptions,
): Promise<void> {
  await callForStatus(
    engine,
    {
      method: 'POST',
      path: `/exec/${escapeSegment(execId)}/start`,
      body: { Detach: true, Tty: body.tty === true },
    },
    o,
    createCallMs,
  )
}

/** @throws {engine/not-found} */
export function inspectExec(engine: Engine, execId: string, o?: CallOptions): Promise<ExecInspect> {
  return callForShape(engine, { method: 'GET', path: `/exec/${escapeSegment(execId)}/json` }, execDetails, o)
}

/** Tells the terminal of an exec that runs its size, in characters. */
export function resizeExec(
  engine: Engine,
  execId: string,
  size: { readonly rows: number; readonly columns: number },
  o?: CallOptions,
): Promise<void> {
  return postResize(engine, `/exec/${escapeSegment(execId)}/resize`, size, o)
}
