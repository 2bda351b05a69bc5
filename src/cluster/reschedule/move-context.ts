import type { Api } from '../api/call.ts'
import type { Member } from '../member.ts'
import { isValidated } from '../model.ts'
import type { RecordBook } from './book.ts'
import type { Pacing } from './pacing.ts'
import type { ContainerRecord } from './record.ts'

/** What a move works with. */
export interface MoveContext {
  readonly api: Api
  readonly book: RecordBook
  readonly pacing: Pacing
  readonly isVolumeLossAllowed: boolean
  /** Of the leadership that began it: a later one, of this manager too, begins it anew from what the record says then. */
  readonly term: number
  readonly signal: AbortSignal
}

/** Another manager leads, or has led since the move began: nothing more is done here. */
export class SteppedDown extends Error {}

/** @throws {SteppedDown} unless this manager leads at this moment, and has led ever since the move began */
export async function guard({ api, signal, term }: MoveContext): Promise<void> {
  const mayAct = !signal.aborted && (await api.role.mayAct())
  if (!mayAct || api.role.term !== term) throw new SteppedDown('another manager leads, or has led meanwhile')
}

/** Somebody else has written the record since. */
export function isOutdated({ book }: MoveContext, record: ContainerRecord): boolean {
  return book.get(record.swarmId) !== record
}

/** The old container's engine, when it answers and has the container. */
export function findSource(context: MoveContext, record: ContainerRecord): Member | undefined {
  if (locateNow(context, record) !== 'here') return undefined
  const { cluster } = context.api
  const node = cluster.snapshot().nodes.find((each) => each.engineId === record.home.engineId && isValidated(each))
  return node === undefined ? undefined : cluster.member(node.addr)
}

/** Where the recorded container is at this moment, as its engine shows it. */
export function locateNow({ api }: MoveContext, record: ContainerRecord): 'here' | 'missing' | 'away' {
  const { engineId, containerId } = record.home
  const node = api.cluster.snapshot().nodes.find((each) => each.engineId === engineId && isValidated(each))
  if (node?.health.state !== 'healthy') return 'away'
  return node.containers.some((each) => each.id === containerId) ? 'here' : 'missing'
}
