import { setImmediate } from 'node:timers/promises'
import { isFlotillaError, toError, toMessage } from '../../core/errors.ts'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { escapeSegment } from '../../engine/api/call.ts'
import type { Engine, EngineRequest, ReadOutcome } from '../../engine/engine.ts'
import { isFields, readList } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { prepareRow } from './decode.ts'
import type { ContainerAnswer, Detail, Failure, Fetch, Specs } from './messages.ts'

/** A probe has to be answered at once; nothing else an engine does is a reason to call it dead. */
const pingMs = 1200
/** One that was given up may need a connection first: over a slow line with TLS that takes longer than an answer may. */
const patientPingMs = 5000
/** ssh starts a program here, agrees on keys and starts another there, whenever its connection has to be made anew. */
const sshPingMs = 10_000

/** Rows of containers that are taken in without a pause: milliseconds. */
const manyRows = 1000

/** What fetching needs besides the engine. */
export interface FetchContext {
  readonly engine: Engine
  readonly signal: AbortSignal
  readonly clock: Clock
  /** How long a reading may take; probes have their own times. */
  readonly readMs: number
  /** The address that the host part of the engine's address stands for. */
  resolveIp(): Promise<string>
}

/** The lists of an engine, in the order they are asked for: those that plug-ins or disks may hold up come last. */
export type ListFetch = Extract<Fetch, { readonly what: 'containers' | 'networks' | 'images' | 'volumes' }>

const listRequests: Readonly<Record<ListFetch['what'], EngineRequest>> = {
  containers: { method: 'GET', path: '/containers/json', query: { all: true } },
  networks: { method: 'GET', path: '/networks' },
  images: { method: 'GET', path: '/images/json', query: { all: true } },
  volumes: { method: 'GET', path: '/volumes' },
}
const listOrder = Object.keys(listRequests)

export function isListFetch(fetch: Fetch): fetch is ListFetch {
  return fetch.what in listRequests
}

/**
 * Reads several lists on one connection.
 *
 * @param onRead told of each as it arrives; an error of the call as a whole is told for all that have not
 */
export async function runLists(
  fetches: readonly ListFetch[],
  context: FetchContext,
  onRead: (fetch: ListFetch, outcome: ReadOutcome) => void,
): Promise<void> {
  const inOrder = [...fetches].sort((a, b) => listOrder.indexOf(a.what) - listOrder.indexOf(b.what))
  const left = new Set(inOrder)
  const requests = inOrder.map((fetch) => listRequests[fetch.what])
  const call = { signal: context.signal, deadlineMs: context.readMs }
  /** From a long list on each is told after the one before. */
  let telling: Promise<void> | undefined
  try {
    await readAll(context.engine, requests, call, (index, outcome) => {
      const fetch = inOrder[index]
      if (fetch === undefined || !left.delete(fetch)) return
      const rows = outcome.isOk ? toListRows(fetch, outcome.value) : []
      const told = outcome.isOk ? { isOk: true as const, value: rows } : outcome
      const isLong = fetch.what === 'containers' && rows.length > manyRows
      if (telling === undefined && !isLong) onRead(fetch, told)
      else {
        telling = (telling ?? Promise.resolve()).then(async () => {
          if (isLong) await prepareRows(rows)
          onRead(fetch, told)
        })
      }
    })
    await telling
  } catch (error) {
    await telling?.catch(() => undefined)
    const known = toError(error)
    for (const fetch of left) onRead(fetch, { isOk: false, error: known })
  }
}

/** Others have their turn in between. */
async function prepareRows(rows: readonly Fields[]): Promise<void> {
  for (const [index, row] of rows.entries()) {
    prepareRow(row)
    if (index % manyRows === manyRows - 1) await setImmediate()
  }
}

function toListRows({ what }: ListFetch, value: unknown): readonly Fields[] {
  if (what === 'volumes') return isFields(value) ? readList(value, 'Volumes').filter(isFields) : []
  return toRows(value)
}

/** Reads one thing from an engine, with a deadline. Resolves to what `messages.ts` says of this fetch. */
export async function runFetch(fetch: Exclude<Fetch, ListFetch>, context: FetchContext): Promise<unknown> {
  const { engine, signal, readMs } = context
  const call = { signal, deadlineMs: fetch.what === 'ping' ? toPingMs(engine, fetch.isPatient === true) : readMs }
  switch (fetch.what) {
    case 'ping':
      await (await engine.request({ method: 'GET', path: '/_ping', unversioned: true }, call)).bytes()
      return undefined
    case 'specs':
      return readSpecs(context, call)
    case 'container':
      return readContainer(engine, fetch.id, fetch.isInspected, call)
    case 'details':
      return readDetails(engine, fetch.ids, call)
    case 'network':
      return readOne(engine, `/networks/${escapeSegment(fetch.id)}`, call)
    case 'volume':
      return readVolume(engine, fetch.name, call)
    default:
      return undefined
  }
}

function toPingMs({ endpoint }: Engine, isPatient: boolean): number {
  if (endpoint.kind === 'ssh') return sshPingMs
  return isPatient ? patientPingMs : pingMs
}

/** How a failed call counts: only the connection says something about the engine's health. */
export function toFailure(error: unknown, isProbe: boolean): Failure {
  const code = isFlotillaError(error) ? error.code : undefined
  const isBroken = code === 'engine/unreachable' || code === 'engine/protocol' || code === 'engine/version'
  return { text: toMessage(error), isConnection: isBroken || (isProbe && code === 'engine/timeout') }
}

async function readSpecs(context: FetchContext, call: CallOptions): Promise<Specs> {
  const requests: readonly EngineRequest[] = [
    { method: 'GET', path: '/info', unversioned: true },
    { method: 'GET', path: '/version', unversioned: true },
  ]
  const startMs = context.clock.monotonicMs()
  let tookMs = 0
  const outcomes: ReadOutcome[] = []
  const [ip] = await Promise.all([
    context.resolveIp(),
    readAll(context.engine, requests, call, (index, outcome) => {
      outcomes[index] = outcome
      if (index === 0) tookMs = context.clock.monotonicMs() - startMs
    }),
  ])
  const [info, version] = outcomes.map(valueOf)
  return { info: isFields(info) ? info : {}, version: isFields(version) ? version : {}, ip, tookMs }
}

async function readContainer(
  engine: Engine,
  id: string,
  isInspected: boolean,
  call: CallOptions,
): Promise<ContainerAnswer> {
  const requests: EngineRequest[] = [
    { method: 'GET', path: '/containers/json', query: { all: true, filters: JSON.stringify({ id: [id] }) } },
  ]
  if (isInspected) requests.push(inspectRequest(id))
  const [list, inspect] = await readEach(engine, requests, call)
  const row = list === undefined ? undefined : toRows(valueOf(list)).find((each) => each['Id'] === id)
  return { row, inspect: inspect === undefined ? undefined : fieldsOf(inspect) }
}

async function readDetails(engine: Engine, ids: readonly string[], call: CallOptions): Promise<readonly Detail[]> {
  const outcomes = await readEach(engine, ids.map(inspectRequest), call)
  return outcomes.map((outcome, index) => {
    const id = ids[index] ?? ''
    if (outcome.isOk) return { id, inspect: isFields(outcome.value) ? outcome.value : undefined, failure: undefined }
    if (isGone(outcome.error)) return { id, inspect: undefined, failure: undefined }
    const failure = toFailure(outcome.error, false)
    // Nothing else will be told by an engine that is not there.
    if (failure.isConnection) throw outcome.error
    return { id, inspect: undefined, failure }
  })
}

function inspectRequest(id: string): EngineRequest {
  return { method: 'GET', path: `/containers/${escapeSegment(id)}/json` }
}

/** Undefined when there is no such thing. */
async function readOne(engine: Engine, path: string, call: CallOptions): Promise<Fields | undefined> {
  const [outcome] = await readEach(engine, [{ method: 'GET', path }], call)
  return outcome === undefined ? undefined : fieldsOf(outcome)
}

/**
 * A swarm manager looks for a volume it does not have among those of its swarm, and under a leader that knows of none (20.10) it
 * fails with 501 where it would say 404. The list tells what it has itself all the same.
 */
async function readVolume(engine: Engine, name: string, call: CallOptions): Promise<Fields | undefined> {
  const [outcome] = await readEach(engine, [{ method: 'GET', path: `/volumes/${escapeSegment(name)}` }], call)
  if (outcome === undefined) return undefined
  if (outcome.isOk || !isFlotillaError(outcome.error) || outcome.error.status !== 501) return fieldsOf(outcome)
  const query = { filters: JSON.stringify({ name: [name] }) }
  const [list] = await readEach(engine, [{ ...listRequests.volumes, query }], call)
  if (list === undefined) return undefined
  return toListRows({ what: 'volumes' }, valueOf(list)).find((row) => row['Name'] === name)
}

function fieldsOf(outcome: ReadOutcome): Fields | undefined {
  if (outcome.isOk) return isFields(outcome.value) ? outcome.value : undefined
  if (isGone(outcome.error)) return undefined
  throw outcome.error
}

function valueOf(outcome: ReadOutcome): unknown {
  if (outcome.isOk) return outcome.value
  throw outcome.error
}

function isGone(error: Error): boolean {
  return isFlotillaError(error) && error.code === 'engine/not-found'
}

function toRows(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : []
}

/** All outcomes, in order. Rejects when the engine cannot be reached. */
async function readEach(
  engine: Engine,
  requests: readonly EngineRequest[],
  call: CallOptions,
): Promise<readonly ReadOutcome[]> {
  const outcomes: ReadOutcome[] = []
  await readAll(engine, requests, call, (index, outcome) => {
    outcomes[index] = outcome
  })
  return outcomes
}

/** On one connection where the client can do that, else side by side. */
async function readAll(
  engine: Engine,
  requests: readonly EngineRequest[],
  call: CallOptions,
  onAnswer: (index: number, outcome: ReadOutcome) => void,
): Promise<void> {
  if (engine.readAll !== undefined) {
    await engine.readAll(requests, onAnswer, call)
    return
  }
  await Promise.all(
    requests.map(async (request, index) => {
      try {
        onAnswer(index, { isOk: true, value: await (await engine.request(request, call)).json<unknown>() })
      } catch (error) {
        onAnswer(index, { isOk: false, error: toError(error) })
      }
    }),
  )
}
