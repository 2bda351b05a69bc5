import type { ClusterAccess } from '../cluster.ts'
import { isValidated } from '../model.ts'
import type { RecordBook } from './book.ts'
import { isMissed } from './decide.ts'
import type { World } from './decide.ts'
import type { GoneEngines } from './gone.ts'
import type { Doubted } from './observers.ts'

/** Has engines asked directly that have recorded containers, and that this manager has not read or does not see any more. */
export function askAboutUnread(book: RecordBook, world: World, gone: GoneEngines): void {
  for (const engineId of book.engineIds()) {
    const node = world.nodeOf(engineId)
    if (node !== undefined && isValidated(node)) {
      gone.forget(engineId)
      continue
    }
    const [first] = book.ofEngine(engineId)
    if (first !== undefined) gone.doubt(engineId, first.home.addr, first.home.node)
  }
}

/**
 * Engines of which the other managers are asked: those that this one would give up, and those it does not reach although
 * nothing depends on it.
 */
export function listDoubted(
  cluster: Pick<ClusterAccess, 'snapshot'>,
  book: RecordBook,
  world: World,
): readonly Doubted[] {
  const doubted = new Map<string, Doubted>()
  for (const { engineId, addr, name: node, health } of cluster.snapshot().nodes) {
    if (engineId !== '' && health.state === 'unhealthy')
      doubted.set(engineId, { engineId, addr, node, isUrgent: false })
  }
  for (const engineId of book.engineIds()) {
    const home = book.ofEngine(engineId)[0]?.home
    if (home !== undefined && isMissed(home, world)) doubted.set(engineId, { ...home, isUrgent: true })
  }
  return [...doubted.values()]
}
