import { Buffer } from 'node:buffer'
import type { CallOptions } from '../../core/call.ts'
import { toAbortError } from '../../core/deadline.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { Message, MessageWriter } from '../../core/protobuf.ts'
import { GRPC, GrpcClient, GrpcError } from '../../io/h2/grpc.ts'
import { createCallMs } from '../api/call.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Engine } from '../engine.ts'
import { toStreamError } from '../errors.ts'
import { parseSolveResponse, parseStatus, renderSolveRequest, renderStatusRequest } from './messages.ts'
import type { SolveRequest, StatusEvent } from './messages.ts'
import { openSession } from './session.ts'
import type { SessionOffer } from './session.ts'

/** What the engine of a build has to be or have, for an endpoint that chooses one of many. A single engine is told nothing. */
export interface BuilderNeeds {
  /** References of images the build begins with. */
  readonly images: readonly string[]
  /** Lowest API version of an engine that can do it; absent: any. */
  readonly apiVersion?: string
}

const noNeeds: BuilderNeeds = { images: [] }

/** A build, what it may use, and who is told how it goes. */
export interface SolveCall {
  readonly request: SolveRequest
  readonly needs?: BuilderNeeds
  readonly offer: SessionOffer
  readonly onStatus: (event: StatusEvent) => void
}

/** How long the images a build begins with may be on their way from one engine of a fleet to another. */
const imagesMs = 60 * 60_000
/** How long the last news of a failed build may take. */
const lastNewsMs = 2000

/**
 * Has the builder inside the engine do one build, over `POST /grpc`. The signal ends it at once, there too.
 *
 * @returns what the exporter says of its product
 * @throws {engine/not-found} when the engine has no builder, {engine/bad-request} with the builder's words when the
 *   build fails, {core/aborted}
 */
export async function solve(
  engine: Engine,
  call: SolveCall,
  o: CallOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const client = await openBuilder(engine, call.needs, o)
  const endSession = await openSession(client, call.offer)
  const watching = watch(client, call)
  // Its failure is that of the build too, which says it better.
  watching.catch(() => {})
  try {
    const answer = await client.ask('/moby.buildkit.v1.Control/Solve', renderSolveRequest(call.request))
    await settle(watching)
    return parseSolveResponse(answer)
  } catch (error) {
    if (o.signal?.aborted === true) throw toAbortError(o.signal)
    if (error instanceof GrpcError) await settle(watching)
    throw toBuildError(engine.endpoint, error)
  } finally {
    const over = new FlotillaError('core/aborted', 'the build is over')
    endSession(over)
    client.close(over)
  }
}

/**
 * Puts a question to the frontend in place of a build: `requestid` among the attributes says which.
 *
 * @returns the answer by name: `result.txt`, `result.json`, `result.statuscode`
 * @throws as `solve`; {engine/bad-request} also from builders that do not know the question
 */
export async function askFrontend(
  engine: Engine,
  call: Pick<SolveCall, 'request' | 'offer' | 'needs'>,
  o: CallOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const client = await openBuilder(engine, call.needs, o)
  const endSession = await openSession(client, call.offer)
  const { request } = call
  try {
    // A build without frontend stays open for questions that name it.
    const empty = { ...request, frontend: '', attributes: {}, exporter: '', exporterAttributes: {} }
    const open = client.ask('/moby.buildkit.v1.Control/Solve', renderSolveRequest(empty))
    open.catch(() => {})
    const question = new MessageWriter()
      .put(2, request.frontend)
      .putMap(3, request.attributes)
      .put(5, true)
      .put(6, true)
      .finish()
    const metadata = [['buildkit-controlapi-buildid', request.ref]] as const
    const answer = await client.ask('/moby.buildkit.v1.frontend.LLBBridge/Solve', question, metadata)
    const result = new Message(answer).messages(3)[0] ?? new Message(Buffer.alloc(0))
    const end = new MessageWriter().putBytes(1, Buffer.alloc(0)).finish()
    await client.ask('/moby.buildkit.v1.frontend.LLBBridge/Return', end, metadata).catch(() => {})
    return result.map(10)
  } catch (error) {
    if (o.signal?.aborted === true) throw toAbortError(o.signal)
    throw toBuildError(engine.endpoint, error)
  } finally {
    const over = new FlotillaError('core/aborted', 'the question is answered')
    endSession(over)
    client.close(over)
  }
}

/** What the builder of an engine says of itself. */
export async function readWorkerLabels(
  engine: Engine,
  needs: BuilderNeeds = noNeeds,
  o: CallOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const client = await openBuilder(engine, needs, o)
  try {
    const answer = await client.ask('/moby.buildkit.v1.Control/ListWorkers', Buffer.alloc(0))
    const labels = new Map<string, string>()
    for (const worker of new Message(answer).messages(1))
      for (const [name, value] of worker.map(2)) labels.set(name, value)
    return labels
  } catch (error) {
    throw toBuildError(engine.endpoint, error)
  } finally {
    client.close(new FlotillaError('core/aborted', 'all is known'))
  }
}

async function openBuilder(engine: Engine, needs: BuilderNeeds = noNeeds, o: CallOptions): Promise<GrpcClient> {
  const { images, apiVersion } = needs
  const headers = {
    ...(images.length > 0 && { 'Flotilla-Base-Images': images.join(',') }),
    ...(apiVersion !== undefined && { 'Flotilla-Builder-Version': apiVersion }),
  }
  const hijacked = await engine.hijack(
    { method: 'POST', path: '/grpc', upgradeTo: 'h2c', headers },
    { deadlineMs: images.length > 0 ? imagesMs : createCallMs, ...(o.signal !== undefined && { signal: o.signal }) },
  )
  return new GrpcClient(hijacked.socket)
}

async function watch(client: GrpcClient, call: SolveCall): Promise<void> {
  const stream = client.call('/moby.buildkit.v1.Control/Status')
  await stream.send(renderStatusRequest(call.request.ref))
  stream.end()
  for await (const message of stream.messages()) call.onStatus(parseStatus(message))
}

/** The stream of news ends by itself, soon after the build. */
async function settle(watching: Promise<void>): Promise<void> {
  const over = AbortSignal.timeout(lastNewsMs)
  await Promise.race([
    watching.catch(() => {}),
    new Promise<void>((resolve) => over.addEventListener('abort', () => resolve(), { once: true })),
  ])
}

function toBuildError(endpoint: Endpoint, error: unknown): Error {
  const named = toStreamError(endpoint, error)
  if (isFlotillaError(named)) return named
  if (error instanceof GrpcError && error.status === GRPC.unimplemented) {
    return new FlotillaError('engine/not-found', error.message, { cause: error })
  }
  return new FlotillaError('engine/bad-request', `failed to solve: ${toMessage(error)}`, { cause: error })
}
