import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { mapLimit } from '../../core/limit.ts'
import type { Engine } from '../../engine/engine.ts'
import { isFields, readFields } from '../wire.ts'
import type { SwarmManagers } from './swarm-cell.ts'

export interface SwarmManagerOptions {
  /** Engines of the cluster, as discovery tells them now. */
  addresses(): readonly string[]
  openEngine(address: string): Engine
  readonly clock: Clock
}

const parallelProbes = 32
const probeMs = 3000
/** A fleet without managers is not asked again and again. */
const probeAgainMs = 5000

/**
 * Finds the managers of the swarm among the engines of the cluster by asking each, once; they are asked again when the
 * ones found are of no use any more.
 */
export function findSwarmManagers(options: SwarmManagerOptions): SwarmManagers & { close(): void } {
  let known: readonly Engine[] = []
  let probedMs = Number.NEGATIVE_INFINITY

  async function probe(o: CallOptions): Promise<void> {
    probedMs = options.clock.monotonicMs()
    const found = await mapLimit(options.addresses(), parallelProbes, async (address) => {
      const engine = options.openEngine(address)
      if (await isManager(engine, o)) return engine
      void engine.close()
      return undefined
    })
    const next = found.filter((engine) => engine !== undefined)
    // Those that are silent now may be the ones that come back.
    if (next.length === 0) return
    for (const engine of known) void engine.close()
    known = next
  }

  return {
    async find(isStale, o) {
      const isDue = options.clock.monotonicMs() - probedMs >= probeAgainMs
      if (!isStale && known.length > 0) return known
      if (!isDue) return isStale ? [] : known
      await probe(o)
      return known
    },
    close() {
      for (const engine of known) void engine.close()
      known = []
    },
  }
}

async function isManager(engine: Engine, o: CallOptions): Promise<boolean> {
  try {
    const reply = await engine.request({ method: 'GET', path: '/info' }, { ...o, deadlineMs: probeMs })
    const info = await reply.json<unknown>()
    return isFields(info) && readFields(info, 'Swarm')['ControlAvailable'] === true
  } catch {
    return false
  }
}
