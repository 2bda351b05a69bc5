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
  let known: ReadonlyMap<string, Engine> = new Map()
  let isUnsure = false
  let probedMs = Number.NEGATIVE_INFINITY
  let probing: Promise<void> | undefined
  const stop = new AbortController()

  async function probe(limitMs: number): Promise<void> {
    isUnsure = false
    const next = new Map<string, Engine>()
    await mapLimit(options.addresses(), parallelProbes, async (address) => {
      // One that is known may be in use by another call.
      const kept = known.get(address)
      const engine = kept ?? options.openEngine(address)
      const answer = await askIsManager(engine, { deadlineMs: limitMs, signal: stop.signal })
      isUnsure ||= answer === 'silent'
      if (answer === 'yes') next.set(address, engine)
      else if (kept === undefined) void engine.close()
    })
    probedMs = options.clock.monotonicMs()
    // Those that are silent now may be the ones that come back.
    if (next.size === 0) return
    for (const [address, engine] of known) if (next.get(address) !== engine) void engine.close()
    known = next
  }

  return {
    get isUnsure() {
      return isUnsure
    },
    async find(isStale, o) {
      const isDue = options.clock.monotonicMs() - probedMs >= probeAgainMs
      if (!isStale && known.size > 0) return [...known.values()]
      if (!isDue) return isStale ? [] : [...known.values()]
      // Those who read and the one who renews find out at the same time that the managers are of no use.
      probing ??= probe(Math.max(probeMs, o.deadlineMs ?? 0)).finally(() => (probing = undefined))
      await probing
      return [...known.values()]
    },
    close() {
      stop.abort(closedReason)
      for (const engine of known.values()) void engine.close()
      known = new Map()
    },
  }
}

const closedReason = new Error('the manager has ended')

async function askIsManager(engine: Engine, o: CallOptions): Promise<'yes' | 'no' | 'silent'> {
  try {
    const reply = await engine.request({ method: 'GET', path: '/info' }, o)
    const info = await reply.json<unknown>()
    return isFields(info) && readFields(info, 'Swarm')['ControlAvailable'] === true ? 'yes' : 'no'
  } catch (error) {
    return isFlotillaError(error) && error.code === 'engine/timeout' ? 'silent' : 'no'
  }
}
