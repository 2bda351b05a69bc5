import { isValidated } from '../model.ts'
import { findVolumeHold, locate } from './decide.ts'
import type { World } from './decide.ts'
import type { ContainerRecord } from './record.ts'

/**
 * Whether a recorded container keeps its name although no engine shows it: this manager has not read its engine since it
 * began, and it is not sure yet that the engine is gone, or the container is to be made anew. Otherwise whoever leads after
 * a fail-over would give the name away, and it would stand for two containers when the engine is back.
 *
 * Names of engines that left discovery are free, whatever is recorded (decision 42).
 */
export function keepsName(record: ContainerRecord, world: World, isVolumeLossAllowed: boolean): boolean {
  const { home } = record
  const known = world.nodeOf(home.engineId)
  // What has been read is in the directory, as it was last.
  if (known !== undefined && isValidated(known)) return false
  if (known === undefined && world.nodeAt(home.addr) === undefined) return false
  const where = locate(home, world)
  if (where === 'unclear' || where === 'unreached') return true
  return where === 'lost' && record.hasPolicy && findVolumeHold(record, isVolumeLossAllowed) === undefined
}
