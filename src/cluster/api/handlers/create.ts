import type { JsonValue } from '../../../core/exact-json.ts'
import { waitAtMost } from '../../../core/deadline.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../../core/errors.ts'
import type { PlaceHeld } from '../../places.ts'
import { failpoint } from '../../../io/failpoint.ts'
import { isFull } from '../../image-transfer/image-transfer.ts'
import type { PlacementRequest } from '../../placement.ts'
import { addCondition, isPinned, toEngineBody } from '../../request.ts'
import type { CreateDraft } from '../../request.ts'
import type { Fields } from '../../wire.ts'
import { isFields, readText } from '../../wire.ts'
import { leadershipOver } from '../fence.ts'
import type { FencedCall } from '../fence.ts'
import { bridgeCreate } from '../bridge/create-body.ts'
import { readKept, readLost, waitHeader } from '../kept-wait.ts'
import { StillWaiting, waitForRoom } from '../waiting.ts'
import { needsSpanning, whileAttaching } from '../attach-retry.ts'
import { removeLost } from './remove-lost.ts'
import { confirmCreated } from './confirm-created.ts'
import { bringLatest, goToImage, isImageMissing, provideImage } from './create-image.ts'
import type { CreateSource } from './create-image.ts'
import type { LocalNetwork } from './local-network.ts'
import { finishBridged } from './finish-bridged.ts'
import { findImageSystem, followImage } from './image-system.ts'
import { addWarnings, planCreate } from './plan-create.ts'
import { settlePorts } from './settle-ports.ts'
import { noteVolumes, readNewVolumes } from './settle-volumes.ts'
import { whileHealthy } from './while-healthy.ts'
import { holdNearData } from './hold-near-data.ts'
import { giveTurn, renderBody } from '../body-json.ts'
import { isConnectionRefused, isOutcomeUnknown } from '../failure-status.ts'
import { noteNodes, paramsOf, readJsonBody, versionsOf } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'

/** A create is waited for as long as other calls are: half a minute on a node that does not answer. */
const silentLooks = 15
/** How long a create whose answer got lost is looked for before the client is told. */
const lookMs = 10_000

const namePattern = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/**
 * Creates a container: chooses a node and takes the place in one step, then lets that engine make it. An image it
 * lacks is pulled there; failing that, the container goes where the image is.
 */
export const create: Handler = async (api, call) => {
  const { exchange } = call
  await exchange.readBody()
  const kept = readKept(exchange.head)
  exchange.arrivedMs ??= api.cluster.clock.monotonicMs() - (kept?.waitedMs ?? 0)
  try {
    await api.fence.run(async (lead) => {
      await removeLost(api, readLost(exchange) ?? [])
      await createFenced(api, call, lead, kept?.id)
    })
  } catch (error) {
    if (error instanceof StillWaiting) exchange.addHeaders([waitHeader, String(Math.max(0, error.leftMs))])
    throw error
  }
}

/** The engine made the container, or may have: nobody is told that it did not, and nobody else makes it. */
class OutcomeUnknown extends FlotillaError {}

async function createFenced(api: Api, call: Call, lead: FencedCall, keptAs: string | undefined): Promise<void> {
  const params = paramsOf(call)
  const name = checkName(params.get('name') ?? '')
  const body = await settlePorts(api, await readJsonBody(call))
  const plan = await planCreate(api, name, body, params.get('platform') ?? '', keptAs)
  await giveTurn(await call.exchange.readBody())
  const { draft, network } = plan
  const bound = await followImage(api, call, draft.request, plan.request)
  let request: PlacementRequest | undefined = bound
  let retries = api.settings.createRetries
  let isAtImage = false
  const full: FlotillaError[] = []
  const arrivedMs = call.exchange.arrivedMs ?? api.cluster.clock.monotonicMs()
  await failpoint('create.beforePlace')
  while (request !== undefined) {
    lead.check()
    const wanted: PlacementRequest = request
    const place = waitForRoom(
      api,
      { draft, request, lead, arrivedMs, signal: call.exchange.signal, keptAs: request === bound ? keptAs : undefined },
      () => holdNearData(api, plan.volumes, wanted, (each) => hold(api, draft, each, network)),
    )
    // That nothing else fits is no news to somebody whose node is full.
    const { held, warnings, giveUp } = await place.catch((error: unknown) => Promise.reject(full[0] ?? error))
    try {
      // Placing may have waited for an engine to be read.
      lead.check()
      await failpoint('create.afterPlace')
      noteNodes(api, call, [held.member])
      const created = await createWithImage(api, call, draft, held, lead)
      if (lead.isBroken) await undo(api, held, readText(created, 'Id'))
      const passedBy = full.map((each) => `${each.message}: made on node ${held.member.name} instead`)
      await answer(api, call, draft, held, addWarnings(created, [...passedBy, ...warnings]))
      return
    } catch (error) {
      held.release()
      giveUp()
      if (!isFlotillaError(error) || error instanceof OutcomeUnknown) throw error
      lead.check()
      const system = findImageSystem(error, request)
      if (system !== undefined) {
        request = addCondition(request, 'constraints', `ostype==${system}`)
      } else if (isImageMissing(error) && !isAtImage) {
        isAtImage = true
        request = goToImage(api, bound)
      } else if (isFull(error) && !isPinned(bound)) {
        full.push(error)
        request = addCondition(request, 'constraints', `node!=${held.member.name}`)
      } else {
        request = retries > 0 && isWorthRetrying(error) ? request : undefined
        retries -= 1
      }
      if (request === undefined) throw error
    }
  }
}

/** A lost outcome is never tried again: it may yet come about. */
function isWorthRetrying(error: FlotillaError): boolean {
  return error.code === 'engine/server'
}

/**
 * Makes the container on the node that is held, bringing its image there where it is missing, or another one.
 *
 * @returns the engine's answer
 */
export async function createWithImage(
  api: Api,
  call: CreateSource,
  draft: CreateDraft,
  held: PlaceHeld,
  lead: Pick<FencedCall, 'check'>,
): Promise<Fields> {
  const warning = await bringLatest(api, call, draft, held)
  lead.check()
  try {
    return addWarnings(await createOn(api, call, draft, held), warning === undefined ? [] : [warning])
  } catch (error) {
    if (!isFlotillaError(error) || !isImageMissing(error)) throw error
    if (!(await provideImage(api, call, draft, held))) throw error
    lead.check()
    return createOn(api, call, draft, held)
  }
}

/**
 * The engine made the container after another manager had taken over, which may have given the name away by then: it
 * goes, and the client is told so.
 */
async function undo(api: Api, held: PlaceHeld, id: string): Promise<never> {
  const { member } = held
  const request = { method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } } as const
  try {
    const reply = await member.engine.request(request, { deadlineMs: api.limits.callSeconds * 1000 })
    await reply.bytes()
    member.send({ kind: 'forgotten', id })
  } catch (error) {
    // The manager that leads now has been asked again, and has removed it.
    if (isFlotillaError(error) && error.status === 404) throw leadershipOver()
    const what = `container ${id} was made on node ${member.name} after this manager had lost leadership`
    const message = `${what}, and could not be removed: ${toMessage(error)}`
    api.cluster.log.error(message)
    // It goes when its engine can be reached again.
    held.leave()
    throw new OutcomeUnknown('cluster/unhealthy', message, { status: 503, cause: error })
  }
  throw leadershipOver()
}

function checkName(raw: string): string {
  const name = raw.replace(/^\//, '')
  if (raw === '' || namePattern.test(raw)) return name
  throw new FlotillaError(
    'cluster/invalid-option',
    `Invalid container name (${raw}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    { status: 400 },
  )
}

async function hold(
  api: Api,
  draft: CreateDraft,
  request: PlacementRequest,
  network: LocalNetwork | undefined,
): Promise<PlaceHeld> {
  const held = await api.cluster.hold(draft, request)
  if (held.kind === 'held') return held
  if (held.kind === 'name-taken') throw new FlotillaError('cluster/conflict', held.text, { status: 409 })
  const why =
    network === undefined
      ? ''
      : `network ${network.name} is on node ${network.node} only, which cannot take the container: `
  throw new FlotillaError('cluster/no-placement', `${why}${held.text}`, { status: 500 })
}

async function createOn(api: Api, call: CreateSource, draft: CreateDraft, held: PlaceHeld): Promise<Fields> {
  const { member } = held
  const params = paramsOf(call)
  params.delete('name')
  const query = Object.fromEntries(params)
  const bridged = bridgeCreate(toEngineBody(draft.body, member.view), versionsOf(call, member), member.name)
  const body = renderBody(bridged.body as JsonValue)
  await giveTurn(body)
  const ask = (signal: AbortSignal): ReturnType<typeof member.engine.request> =>
    member.engine.request(
      {
        method: 'POST',
        path: `${member.versionFor(call.version)}/containers/create`,
        unversioned: true,
        query: { ...query, name: draft.name === '' ? undefined : draft.name },
        headers: { 'content-type': 'application/json' },
        body,
      },
      { deadlineMs: api.limits.createSeconds * 1000, signal },
    )
  await call.beforeMake?.(member)
  try {
    await failpoint('create.beforeEngineCall')
    const isSpanning = needsSpanning(api, draft.body)
    // Not with the client: what has been asked for is made whether or not it waits.
    const created = await whileHealthy(
      api,
      member,
      new AbortController().signal,
      async (signal) => {
        const once = (): ReturnType<typeof ask> => ask(signal)
        const reply = await (isSpanning ? whileAttaching(api, call.exchange.signal, once) : once())
        return reply.json<unknown>()
      },
      silentLooks,
    )
    member.onAnswer()
    await failpoint('create.afterEngineReply')
    return isFields(created) ? await finishBridged(api, call, member, bridged, created) : {}
  } catch (error) {
    return recoverOutcome(api, held, error)
  }
}

/**
 * An engine that was asked and then fell silent may have made the container: it is looked for by its swarm ID
 * before anybody is told that it failed.
 */
async function recoverOutcome(api: Api, held: PlaceHeld, error: unknown): Promise<Fields> {
  const { member } = held
  if (!isFlotillaError(error)) throw error
  if (isConnectionRefused(error)) member.onUnreachable(error)
  if (error.code === 'core/aborted' || !isOutcomeUnknown(error)) throw nameNode(error, member.name)
  member.onBroken(error)
  await waitAtMost(api.cluster.clock, member.touch({ what: 'containers' }), lookMs)
  const found = held.find()
  if (found !== undefined) return { Id: found.id, Warnings: [] }
  held.leave()
  const status = error.code === 'engine/timeout' ? 504 : 502
  throw new OutcomeUnknown(
    error.code,
    `node ${member.name} did not say whether it made the container: ${error.message}`,
    {
      status,
      cause: error,
    },
  )
}

/** Answers of the engine keep its words; failures of the connection name the node, and so does a disk that is full. */
function nameNode(error: FlotillaError, node: string): FlotillaError {
  if (isFull(error))
    return new FlotillaError(error.code, `node ${node}: ${error.message}`, { status: 500, cause: error })
  if (error.status !== undefined) return error
  return new FlotillaError(error.code, `node ${node}: ${error.message}`, { status: 502, cause: error })
}

async function answer(api: Api, call: Call, draft: CreateDraft, held: PlaceHeld, created: Fields): Promise<void> {
  confirmCreated(api, draft, held, created)
  noteVolumes(api, held.member, draft.body)
  await readNewVolumes(api, held.member, draft.body)
  await failpoint('create.beforeReply')
  call.exchange.replyJson(201, { Warnings: [], ...created })
}
