import { readGeneration } from '../model.ts'
import type { ContainerView } from '../model.ts'
import type { ContainerRecord, LeftCopy } from './record.ts'

/** A container leaves so many copies behind at most; damping keeps it from leaving more in an hour or two. */
const maxLeft = 16

/**
 * Whether a container of the copy's swarm ID is that copy.
 *
 * @param engineId the one the container is on
 */
export function isThatCopy(copy: LeftCopy, engineId: string, container: ContainerView): boolean {
  if (copy.containerId !== '') return copy.containerId === container.id
  const generation = readGeneration(container)
  return copy.engineId === engineId && generation > 0 && generation <= (copy.generation ?? 0)
}

/** What tells copies of one container apart. Of an engine that did not answer, all attempts are one. */
export function keyOfCopy({ engineId, containerId }: LeftCopy): string {
  return containerId === '' ? `${engineId}/` : containerId
}

/** The copies, without those that are named twice, at most so many that a record stays small: the oldest are let go. */
export function addLeft(left: readonly LeftCopy[], ...more: readonly LeftCopy[]): readonly LeftCopy[] {
  // A later attempt counts as of the time it was made.
  const keys = new Set(more.map(keyOfCopy))
  return [...left.filter((each) => !keys.has(keyOfCopy(each))), ...more].slice(-maxLeft)
}

/** The old container, where its engine did not answer when it was made anew elsewhere. */
export function toLeft({ home }: ContainerRecord): LeftCopy {
  return { engineId: home.engineId, containerId: home.containerId }
}

/**
 * Copies that may be there when the record is given up: also the one that an engine was asked for and of which it has not
 * been seen since whether it made it.
 */
export function listLeft(record: ContainerRecord): readonly LeftCopy[] {
  const { left, move, generation } = record
  const engineId = move?.target?.engineId
  return engineId === undefined ? left : addLeft(left, { engineId, containerId: '', generation })
}
