import type { Member } from '../member.ts'
import { toPassingName } from './decide.ts'
import { isMeantToRun, isSelfRemoving } from './record-container.ts'
import { EngineHands, isUnanswered } from './engine-hands.ts'
import { guard, SteppedDown } from './move-context.ts'
import type { MoveContext } from './move-context.ts'
import type { ContainerRecord } from './record.ts'

/** Hands over while nobody else can get the name: for a moment neither of the two has it. */
export async function handOver(
  context: MoveContext,
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
  context: MoveContext,
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
