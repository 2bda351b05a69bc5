import { isFlotillaError, toMessage } from '../../core/errors.ts'
import type { CallOptions } from '../../core/call.ts'
import { escapeSegment } from '../../engine/api/call.ts'
import type { Engine, EngineRequest } from '../../engine/engine.ts'
import { isFields, readList } from '../wire.ts'
import type { Fields } from '../wire.ts'
import type { ContainerAnswer, Failure, Fetch, Specs } from './messages.ts'

/** A probe has to be answered at once; nothing else an engine does is a reason to call it dead. */
const pingMs = 1200
const readMs = 30_000

/** What fetching needs besides the engine. */
export interface FetchContext {
  readonly engine: Engine
  readonly signal: AbortSignal
  /** The address that the host part of the engine's address stands for. */
  resolveIp(): Promise<string>
}

/** Reads one thing from an engine, with a deadline. Resolves to what `messages.ts` says of this fetch. */
export async function runFetch(fetch: Fetch, context: FetchContext): Promise<unknown> {
  const { engine, signal } = context
  const call = { signal, deadlineMs: fetch.what === 'ping' ? pingMs : readMs }
  switch (fetch.what) {
    case 'ping':
      await (await engine.request({ method: 'GET', path: '/_ping', unversioned: true }, call)).bytes()
      return undefined
    case 'specs':
      return readSpecs(context, call)
    case 'containers':
      return readRows(engine, { method: 'GET', path: '/containers/json', query: { all: true } }, call)
    case 'container':
      return fetch.row === undefined
        ? readContainer(engine, fetch.id, fetch.isInspected, call)
        : readDetails(engine, fetch.id, fetch.row, call)
    case 'images':
      return readRows(engine, { method: 'GET', path: '/images/json', query: { all: true } }, call)
    case 'networks':
      return readRows(engine, { method: 'GET', path: '/networks' }, call)
    case 'network':
      return readOne(engine, `/networks/${escapeSegment(fetch.id)}`, call)
    case 'volumes': {
      const list = await readJson(engine, { method: 'GET', path: '/volumes' }, call)
      return isFields(list) ? readList(list, 'Volumes').filter(isFields) : []
    }
    case 'volume':
      return readOne(engine, `/volumes/${escapeSegment(fetch.name)}`, call)
    default:
      return undefined
  }
}

/** How a failed call counts: only the connection says something about the engine's health. */
export function toFailure(error: unknown, isProbe: boolean): Failure {
  const code = isFlotillaError(error) ? error.code : undefined
  const isBroken = code === 'engine/unreachable' || code === 'engine/protocol' || code === 'engine/version'
  return { text: toMessage(error), isConnection: isBroken || (isProbe && code === 'engine/timeout') }
}

async function readSpecs(context: FetchContext, call: CallOptions): Promise<Specs> {
  const { engine } = context
  const [info, version, ip] = await Promise.all([
    readJson(engine, { method: 'GET', path: '/info', unversioned: true }, call),
    readJson(engine, { method: 'GET', path: '/version', unversioned: true }, call),
    context.resolveIp(),
  ])
  return { info: isFields(info) ? info : {}, version: isFields(version) ? version : {}, ip }
}

async function readContainer(
  engine: Engine,
  id: string,
  isInspected: boolean,
  call: CallOptions,
): Promise<ContainerAnswer> {
  const [rows, inspect] = await Promise.all([
    readRows(
      engine,
      { method: 'GET', path: '/containers/json', query: { all: true, filters: JSON.stringify({ id: [id] }) } },
      call,
    ),
    isInspected ? readOne(engine, `/containers/${escapeSegment(id)}/json`, call) : undefined,
  ])
  return { row: rows.find((row) => row['Id'] === id), inspect }
}

/** Gone in the meantime: then there is no row either. */
async function readDetails(engine: Engine, id: string, row: Fields, call: CallOptions): Promise<ContainerAnswer> {
  const inspect = await readOne(engine, `/containers/${escapeSegment(id)}/json`, call)
  return { row: inspect === undefined ? undefined : row, inspect }
}

async function readJson(engine: Engine, request: EngineRequest, call: CallOptions): Promise<unknown> {
  return (await engine.request(request, call)).json<unknown>()
}

async function readRows(engine: Engine, request: EngineRequest, call: CallOptions): Promise<readonly Fields[]> {
  const rows = await readJson(engine, request, call)
  return Array.isArray(rows) ? rows.filter(isFields) : []
}

/** Undefined when there is no such thing. */
async function readOne(engine: Engine, path: string, call: CallOptions): Promise<Fields | undefined> {
  try {
    const value = await readJson(engine, { method: 'GET', path }, call)
    return isFields(value) ? value : undefined
  } catch (error) {
    if (isFlotillaError(error) && error.code === 'engine/not-found') return undefined
    throw error
  }
}
