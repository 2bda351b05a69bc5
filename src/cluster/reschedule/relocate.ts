import { toMessage } from '../../core/errors.ts'
import { compareApiVersions } from '../../engine/version.ts'
import { failpoint } from '../../io/failpoint.ts'
import { confirmCreated, createWithImage } from '../api/handlers/create.ts'
import type { Api } from '../api/call.ts'
import type { PlaceHeld } from '../places.ts'
import type { Member } from '../member.ts'
import { GENERATION_LABEL, isValidated } from '../model.ts'
import type { ContainerView } from '../model.ts'
import { withLabels, withNetworks } from '../recipe.ts'
import type { NetworkUse } from '../recipe.ts'
import type { CreateDraft } from '../request.ts'
import type { RecordBook } from './book.ts'
import {
  findVolumeHold,
  isMeantToRun,
  isSelfRemoving,
  listRemoteVolumes,
  toPassingName,
  trimHistory,
} from './decide.ts'
import { limitRequest, makeDraft } from './draft.ts'
import { EngineHands, isUnanswered } from './engine-hands.ts'
import type { Pacing } from './pacing.ts'
import { hideUnfinished } from './left-copies.ts'
import { addLeft, listLeft, toLeft } from './left-copy.ts'
import type { ContainerRecord } from './record.ts'
import { freeEndpoints } from './stale-endpoints.ts'

export interface RelocateContext {
  readonly api: Api
  readonly book: RecordBook
  readonly pacing: Pacing
  readonly isVolumeLossAllowed: boolean
  /** Of the leadership that began it: a later one, of this manager too, begins it anew from what the record says then. */
  readonly term: number
  readonly signal: AbortSignal
}

/** How a move ended for now. */
export type Outcome =
  | { readonly kind: 'done' }
  /** Tried again later. `isPaced`: as soon as its engine may have more. */
  | { readonly kind: 'later'; readonly why: string; readonly isPaced: boolean }
  /** Somebody else leads, or has written the record. */
  | { readonly kind: 'abandoned' }

class SteppedDown extends Error {}

const done: Outcome = { kind: 'done' }

function later(why: string): Outcome {
  return { kind: 'later', why, isPaced: false }
}

/**
 * Moves one container to another node: makes it there from its record, and starts it if it ran. Its old engine is dead,
 * or (drain, rebalance) alive: then the old one is stopped just before the new one starts, and removed after.
 *
 * The record says what was begun, so that a call after a crash of this manager, or by the next one, goes on where the
 * last one ended. Every step may be repeated.
 */
export async function relocate(context: RelocateContext, record: ContainerRecord): Promise<Outcome> {
  try {
    const arrived = await findArrived(context, record)
    const where = locateNow(context, record)
    if (where === 'missing' && (arrived === undefined || !isSelfRemoving(record)))
      return await giveUp(context, record, arrived)
    if (arrived !== undefined) return await finish(context, record, arrived.member, arrived.container.id)
    hideUnfinished(context.api.cluster, record)
    if (where === 'here' && record.move?.kind === 'failure') {
      // It was about to be made anew when its node came back.
      if (isOutdated(context, record)) return { kind: 'abandoned' }
      return (await context.book.put({ ...record, move: undefined })) ? done : { kind: 'abandoned' }
    }
    return await place(context, record)
  } catch (error) {
    if (error instanceof SteppedDown || context.signal.aborted) return { kind: 'abandoned' }
    return later(toMessage(error))
  }
}

/** @throws {SteppedDown} unless this manager leads at this moment, and has led ever since the move began */
async function guard({ api, signal, term }: RelocateContext): Promise<void> {
  const mayAct = !signal.aborted && (await api.role.mayAct())
  if (!mayAct || api.role.term !== term) throw new SteppedDown('another manager leads, or has led meanwhile')
}

function isOutdated({ book }: RelocateContext, record: ContainerRecord): boolean {
  return book.get(record.swarmId) !== record
}

/** The old container's engine, when it answers and has the container. */
function findSource(context: RelocateContext, record: ContainerRecord): Member | undefined {
  if (locateNow(context, record) !== 'here') return undefined
  const { cluster } = context.api
  const node = cluster.snapshot().nodes.find((each) => each.engineId === record.home.engineId && isValidated(each))
  return node === undefined ? undefined : cluster.member(node.addr)
}

function locateNow({ api }: RelocateContext, record: ContainerRecord): 'here' | 'missing' | 'away' {
  const { engineId, containerId } = record.home
  const node = api.cluster.snapshot().nodes.find((each) => each.engineId === engineId && isValidated(each))
  if (node?.health.state !== 'healthy') return 'away'
  return node.containers.some((each) => each.id === containerId) ? 'here' : 'missing'
}

/** Somebody removed the container while it was being moved: so goes what was made in its place. */
async function giveUp(
  context: RelocateContext,
  record: ContainerRecord,
  arrived: Arrived | undefined,
): Promise<Outcome> {
  // Nothing is destroyed because of a record that is out of date.
  if (isOutdated(context, record)) return { kind: 'abandoned' }
  if (arrived !== undefined) {
    await guard(context)
    const { member, container } = arrived
    await new EngineHands(member, context.api.cluster.clock).remove(container.id, true)
    member.send({ kind: 'forgotten', id: container.id })
  }
  // What is not found may yet come about, where its engine was asked for it and gave no answer.
  const rest = arrived === undefined ? record : { ...record, move: undefined }
  return (await context.book.forget(rest)) ? done : { kind: 'abandoned' }
}

interface Arrived {
  readonly member: Member
  readonly container: ContainerView
}

/** What an earlier attempt made. */
async function findArrived({ api }: RelocateContext, record: ContainerRecord): Promise<Arrived | undefined> {
  const target = record.move?.target
  if (target === undefined) return undefined
  const member = api.cluster.member(target.addr)
  if (member === undefined || !member.isHealthy || member.view.engineId !== target.engineId) return undefined
  await member.touch({ what: 'containers' })
  const container = member.view.containers.find(
    (each) => each.swarmId === record.swarmId && each.id !== record.home.containerId,
  )
  return container === undefined ? undefined : { member, container }
}

async function place(context: RelocateContext, record: ContainerRecord): Promise<Outcome> {
  const { api, book, pacing } = context
  const hold = findVolumeHold(record, context.isVolumeLossAllowed)
  if (hold !== undefined) return later(hold)
  const isLive = findSource(context, record) !== undefined
  const generation = record.generation + 1
  const draft = await makeDraft(api, record, generation, isLive ? toPassingName(record, 'moving') : record.name)
  const request = limitRequest(api, draft.request, record)
  if (typeof request === 'string') return later(request)
  const held = await api.cluster.hold(draft, request, { from: record.home.containerId })
  if (held.kind !== 'held') return later(held.text)
  const { member } = held
  if (member.view.engineId === record.home.engineId) {
    held.release()
    return later(`only node ${member.name} itself fits`)
  }
  if (!pacing.take(member.view.engineId, api.cluster.clock.monotonicMs())) {
    held.release()
    return { kind: 'later', why: `node ${member.name} has been given many containers just now`, isPaced: true }
  }
  try {
    const claimed: ContainerRecord = {
      ...record,
      generation,
      left: listLeft(record),
      move: {
        kind: record.move?.kind ?? 'failure',
        wanted: record.move?.wanted ?? '',
        sinceMs: record.move?.sinceMs ?? api.cluster.clock.nowMs(),
        attempts: (record.move?.attempts ?? 0) + 1,
        target: { engineId: member.view.engineId, addr: member.addr, node: member.name },
      },
    }
    await guard(context)
    await failpoint('move.beforeClaim')
    if (!(await book.put(claimed))) {
      held.release()
      return { kind: 'abandoned' }
    }
    await failpoint('move.afterClaim')
    const id = await make(context, claimed, draft, held, isLive)
    await failpoint('move.afterCreate')
    return await finish(context, claimed, member, id)
  } catch (error) {
    held.release()
    throw error
  }
}

/** Makes the container on the node that is held. @returns its ID */
async function make(
  context: RelocateContext,
  record: ContainerRecord,
  draft: CreateDraft,
  held: PlaceHeld,
  isLive: boolean,
): Promise<string> {
  const { api, signal } = context
  const { member } = held
  const hands = new EngineHands(member, api.cluster.clock)
  for (const volume of listRemoteVolumes(record)) {
    await guard(context)
    await hands.createVolume(volume)
  }
  let networks: readonly NetworkUse[] = record.networks.map(({ name, settings }) => ({ name, settings }))
  if (!isLive) {
    await guard(context)
    networks = await freeEndpoints(api, record, networks)
  }
  const version = member.view.apiVersion
  const { body } = withNetworks(draft.body, networks, compareApiVersions(version, '1.44') >= 0)
  const source = { version, query: '', exchange: { signal: AbortSignal.any([signal]), head: { headers: [] } } }
  await guard(context)
  const created = await createWithImage(api, source, { ...draft, body }, held, passes)
  // The dead one gives way at once, so that the name means one thing.
  if (!isLive) forgetOld(api, record)
  const id = confirmCreated(api, draft, held, created)
  const verb = record.move?.kind === 'failure' ? 'Rescheduled' : 'Moved'
  const { home } = record
  api.cluster.log.info(`${verb} container ${home.containerId} from ${home.node} to ${member.name} as ${id}`)
  return id
}

/** Leadership is asked for before the call. */
const passes = { check: () => undefined }

/** The dead node no longer shows what has been made anew, so that names stay clear. */
function forgetOld(api: Api, { home }: ContainerRecord): void {
  const node = api.cluster.snapshot().nodes.find((each) => each.engineId === home.engineId)
  if (node !== undefined) api.cluster.member(node.addr)?.send({ kind: 'forgotten', id: home.containerId })
}

/** Everything after the container exists. */
async function finish(context: RelocateContext, record: ContainerRecord, member: Member, id: string): Promise<Outcome> {
  const { api, book } = context
  const hands = new EngineHands(member, api.cluster.clock)
  await guard(context)
  await hands.connectMissing(id, record.networks)
  const where = locateNow(context, record)
  if (where === 'missing' && !isSelfRemoving(record)) {
    const container = member.view.containers.find((each) => each.id === id)
    return giveUp(context, record, container === undefined ? undefined : { member, container })
  }
  const source = findSource(context, record)
  await handOver(context, record, { member, id }, source)
  const after = arrive(api, record, { member, id }, source === undefined)
  await failpoint('move.beforeRecord')
  // In the time that took, another manager may have led and written, and this one read that.
  if (isOutdated(context, record)) return { kind: 'abandoned' }
  // From here on the new one is the container: what is left of the old one is a duplicate, also for the next manager.
  if (!(await book.put(after))) return { kind: 'abandoned' }
  await failpoint('move.afterRecord')
  if (source === undefined) forgetOld(api, record)
  else {
    await guard(context)
    await new EngineHands(source, api.cluster.clock).remove(record.home.containerId, false)
    source.send({ kind: 'forgotten', id: record.home.containerId })
    tellVolumes(api, record)
  }
  void api.cluster.changed(member, { what: 'container', id, isInspected: true })
  return done
}

/** Hands over while nobody else can get the name: for a moment neither of the two has it. */
async function handOver(
  context: RelocateContext,
  record: ContainerRecord,
  to: { readonly member: Member; readonly id: string },
  source: Member | undefined,
): Promise<void> {
  const { cluster } = context.api
  const taken = cluster.holdName(record.name, record.home.containerId, to.id)
  if (taken !== undefined) throw new Error(taken.text)
  try {
    await changePlaces(context, record, to, source)
  } finally {
    cluster.releaseName(record.name)
  }
}

/**
 * Stops the old one where it still runs, gives its name to the new one and starts that. When it cannot be started, the
 * old one goes on. The names change while neither runs: engines cannot rename what is attached to a network of a swarm.
 */
async function changePlaces(
  context: RelocateContext,
  record: ContainerRecord,
  { member, id }: { readonly member: Member; readonly id: string },
  source: Member | undefined,
): Promise<void> {
  const { clock, log } = context.api.cluster
  const hands = new EngineHands(member, clock)
  const old = source === undefined ? undefined : new EngineHands(source, clock)
  const oldId = record.home.containerId
  const isStarted = isMeantToRun(record)
  if (isStarted) log.info(`Container ${oldId} was running, starting container ${id}`)
  try {
    if (old !== undefined) {
      await guard(context)
      if (isStarted) await old.stop(oldId)
      await old.rename(oldId, toPassingName(record, 'leaving'))
    }
    await guard(context)
    await hands.rename(id, record.name)
    if (isStarted) await hands.start(id)
  } catch (error) {
    if (error instanceof SteppedDown || isUnanswered(error)) throw error
    // There is no way back: the old one went when it was stopped. The next attempt goes on with the new one.
    if (isSelfRemoving(record) && (await old?.inspect(oldId)) === undefined) throw error
    await guard(context)
    await hands.remove(id, true)
    member.send({ kind: 'forgotten', id })
    if (old !== undefined) {
      await old.rename(oldId, record.name)
      if (isStarted) await old.start(oldId)
    }
    throw error
  }
}

/** @param isLeft the old engine did not answer: what it has is still there */
function arrive(
  api: Api,
  record: ContainerRecord,
  { member, id }: { readonly member: Member; readonly id: string },
  isLeft: boolean,
): ContainerRecord {
  const nowMs = api.cluster.clock.nowMs()
  const history = trimHistory(record.history, nowMs)
  const { engineId, name: node, addr } = member.view
  // What an earlier attempt may have made here is this one, or none: two cannot have the name.
  const left = record.left.filter((each) => each.engineId !== engineId || each.containerId !== '')
  return {
    ...record,
    body: withLabels(record.body, { [GENERATION_LABEL]: String(record.generation) }),
    isRunning: isMeantToRun(record),
    ended: undefined,
    home: { engineId, addr, node, containerId: id },
    move: undefined,
    history: record.move?.kind === 'failure' ? [...history, nowMs] : history,
    left: isLeft ? addLeft(left, toLeft(record)) : left,
  }
}

function tellVolumes(api: Api, record: ContainerRecord): void {
  if (record.volumes.length === 0) return
  const volumes = record.volumes.map((volume) => volume.name).join(', ')
  api.cluster.log.info(`Volumes of container ${record.home.containerId} stay on ${record.home.node}: ${volumes}`)
}
