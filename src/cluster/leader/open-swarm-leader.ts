import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Discovery } from '../discovery/discovery.ts'
import { casLeader } from './cas-lease.ts'
import type { Leader } from './leader.ts'
import { swarmCell } from './swarm-cell.ts'
import { findSwarmManagers } from './swarm-managers.ts'

export interface SwarmLeaderOptions {
  readonly discovery: Discovery
  /** The usual client of the engine at an address that discovery told. */
  openEngine(address: string): Engine
  readonly clock: Clock
  readonly log: Log
}

/** Election by the native swarm that some engines of the cluster form. */
export interface SwarmElection {
  /** To be watched instead of the one given: the engines asked are the ones it told last. */
  readonly discovery: Discovery
  makeLeader(ttlMs: number): Leader
  close(): void
}

/** How long discovery may take to tell its first engines. */
const firstSetMs = 10_000
/** Longer than managers are not looked for again. */
const againMs = 6000
/** A manager of a swarm without a majority says what it is only after it has waited 20 s for a leader. */
const secondLookMs = 30_000

/** Looks for managers of a swarm among the engines. @returns undefined when there is none that answers */
export async function openSwarmElection(options: SwarmLeaderOptions): Promise<SwarmElection | undefined> {
  const { clock, log } = options
  let addresses = await readFirst(options)
  const managers = findSwarmManagers({
    addresses: () => addresses,
    openEngine: (address) => options.openEngine(address),
    clock,
  })
  let found = await managers.find(false, {})
  if (found.length === 0 && managers.isUnsure) {
    // Engines under load are slow to say what they are; a second look is worth more than a wrong refusal.
    await clock.sleep(againMs)
    found = await managers.find(false, { deadlineMs: secondLookMs })
  }
  if (found.length === 0) return undefined
  const { discovery } = options
  return {
    discovery: {
      ...discovery,
      async *watch(o) {
        for await (const next of discovery.watch(o)) {
          addresses = next
          yield next
        }
      },
      register: (addr, ttlMs, o) => discovery.register(addr, ttlMs, o),
    },
    makeLeader: (ttlMs) => casLeader({ cell: swarmCell(managers), ttlMs, clock, log }),
    close: () => managers.close(),
  }
}

async function readFirst({ discovery, clock }: SwarmLeaderOptions): Promise<readonly string[]> {
  const stop = new AbortController()
  const late = clock.sleep(firstSetMs, stop.signal).then(
    () => stop.abort(lateReason),
    () => undefined,
  )
  try {
    for await (const addresses of discovery.watch({ signal: stop.signal })) return addresses
    return []
  } finally {
    stop.abort(lateReason)
    await late
  }
}

const lateReason = new Error('discovery is silent')
