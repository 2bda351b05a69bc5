import { toMessage } from '../../core/errors.ts'
import { failpoint } from '../../io/failpoint.ts'
import type { Api } from '../api/call.ts'
import type { Member } from '../member.ts'
import { GENERATION_LABEL } from '../model.ts'
import type { ContainerView } from '../model.ts'
import { withLabels } from '../recipe.ts'
import { findVolumeHold, toPassingName, trimHistory } from './decide.ts'
import { clusterOfOwner, makeDraft, settleRequest } from './draft.ts'
import { isMeantToRun, isSelfRemoving } from './record-container.ts'
import { EngineHands } from './engine-hands.ts'
import { handOver } from './hand-over.ts'
import { forgetOld, hideUnfinished } from './left-copies.ts'
import { addLeft, listLeft, toLeft } from './left-copy.ts'
import { makeAnew } from './make-anew.ts'
import { findSource, guard, isOutdated, locateNow, SteppedDown } from './move-context.ts'
import type { MoveContext } from './move-context.ts'
import type { ContainerRecord } from './record.ts'

/** How a move ended for now. */
export type Outcome =
  | { readonly kind: 'done' }
  /** Tried again later. `isPaced`: as soon as its engine may have more. */
  | { readonly kind: 'later'; readonly why: string; readonly isPaced: boolean }
  /** Somebody else leads, or has written the record. */
  | { readonly kind: 'abandoned' }

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
export async function relocate(context: MoveContext, record: ContainerRecord): Promise<Outcome> {
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
      const rest = { ...record, move: undefined, left: listLeft(record) }
      return (await context.book.put(rest)) ? done : { kind: 'abandoned' }
    }
    return await place(context, record)
  } catch (error) {
    if (error instanceof SteppedDown || context.signal.aborted) return { kind: 'abandoned' }
    return later(toMessage(error))
  }
}

/** Somebody removed the container while it was being moved: so goes what was made in its place. */
async function giveUp(context: MoveContext, record: ContainerRecord, arrived: Arrived | undefined): Promise<Outcome> {
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
async function findArrived({ api }: MoveContext, record: ContainerRecord): Promise<Arrived | undefined> {
  const target = record.move?.target
  if (target === undefined) return undefined
  const member = api.cluster.member(target.addr)
  if (member === undefined || !member.isHealthy || member.view.engineId !== target.engineId) return undefined
  await member.touch({ what: 'containers' })
  // What it was before it came to its home may be there too, and is not what was asked for.
  const others = [record.home.containerId, ...record.left.map((each) => each.containerId)]
  const container = member.view.containers.find((each) => each.swarmId === record.swarmId && !others.includes(each.id))
  return container === undefined ? undefined : { member, container }
}

async function place(context: MoveContext, record: ContainerRecord): Promise<Outcome> {
  const { api, book, pacing } = context
  const hold = findVolumeHold(record, context.isVolumeLossAllowed)
  if (hold !== undefined) return later(hold)
  const isLive = findSource(context, record) !== undefined
  const generation = record.generation + 1
  const draft = await makeDraft(api, record, generation, isLive ? toPassingName(record, 'moving') : record.name)
  const request = await settleRequest(api, draft.request, record)
  if (typeof request === 'string') return later(request)
  // A tenant's container that nobody saw while its node was gone counts again.
  const held = await clusterOfOwner(api, record).hold(draft, request, { from: record.home.containerId })
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
    const id = await makeAnew(context, claimed, draft, held, isLive)
    await failpoint('move.afterCreate')
    return await finish(context, claimed, member, id)
  } catch (error) {
    held.release()
    throw error
  }
}

/** Everything after the container exists. */
async function finish(context: MoveContext, record: ContainerRecord, member: Member, id: string): Promise<Outcome> {
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
  if (source === undefined) forgetOld(api.cluster, record)
  else {
    await guard(context)
    await new EngineHands(source, api.cluster.clock).remove(record.home.containerId, false)
    source.send({ kind: 'forgotten', id: record.home.containerId })
    tellVolumes(api, record)
  }
  void api.cluster.changed(member, { what: 'container', id, isInspected: true })
  return done
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
