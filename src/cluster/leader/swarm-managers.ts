import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { isFlotillaError } from '../../core/errors.ts'
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
const probeMs = 10_000
/** A fleet without managers is not asked again and again. */
const probeAgainMs = 5000

export interface FoundManagers extends SwarmManagers {
  /** At the last look some engine took its connection and then did not say what it is. */
  readonly isUnsure: boolean
  close(): void
}

/**
 * Finds the managers of the swarm among the engines of the cluster by asking each, once; they are asked again when the
 * ones found are of no use any more.
 */
export function findSwarmManagers(options: SwarmManagerOptions): FoundManagers {
  let known: readonly Engine[] = []
  let isUnsure = false
  let probedMs = Number.NEGATIVE_INFINITY

  async function probe(o: CallOptions): Promise<void> {
    isUnsure = false
    const found = await mapLimit(options.addresses(), parallelProbes, async (address) => {
      const engine = options.openEngine(address)
      const answer = await askIsManager(engine, o)
      if (answer === 'yes') return engine
      isUnsure ||= answer === 'silent'
      void engine.close()
      return undefined
    })
    probedMs = options.clock.monotonicMs()
    const next = found.filter((engine) => engine !== undefined)
    // Those that are silent now may be the ones that come back.
    if (next.length === 0) return
    for (const engine of known) void engine.close()
    known = next
  }

  return {
    get isUnsure() {
      return isUnsure
    },
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

async function askIsManager(engine: Engine, o: CallOptions): Promise<'yes' | 'no' | 'silent'> {
  try {
    const reply = await engine.request({ method: 'GET', path: '/info' }, { ...o, deadlineMs: probeMs })
    const info = await reply.json<unknown>()
    return isFields(info) && readFields(info, 'Swarm')['ControlAvailable'] === true ? 'yes' : 'no'
  } catch (error) {
    return isFlotillaError(error) && error.code === 'engine/timeout' ? 'silent' : 'no'
  }
}
