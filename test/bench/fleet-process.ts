import process from 'node:process'
import { startFakeFleet } from '../../src/testing/fake-fleet/fake-fleet.ts'
import type { RealContainer } from '../../src/testing/history.ts'

/** What the process of a fleet answers to a question. */
export interface FleetReport {
  readonly containers: readonly RealContainer[]
  /** By `METHOD /path`, over all engines. */
  readonly requests: Readonly<Record<string, number>>
}

const [engines = '1', containers = '0'] = process.argv.slice(2)
const fleet = await startFakeFleet({ engines: Number(engines), containers: Number(containers) })

/** The same container every time, for loads of inspect requests. */
process.on('message', (question) => {
  if (question !== 'report') return
  const requests: Record<string, number> = {}
  for (const engine of fleet.engines) {
    for (const [kind, count] of engine.requests) requests[kind] = (requests[kind] ?? 0) + count
  }
  const real = fleet.engines.flatMap((engine) =>
    [...engine.containers.values()].map(({ id, name }) => ({ engine: engine.name, id, name })),
  )
  process.send?.({ containers: real, requests } satisfies FleetReport)
})
process.on('disconnect', () => process.exit(0))
process.send?.(fleet.addresses)
