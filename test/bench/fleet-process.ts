import process from 'node:process'
import { startFakeFleet } from '../../src/testing/fake-fleet/fake-fleet.ts'
import type { RealContainer } from '../../src/testing/history.ts'

/** What the process of a fleet answers to a question. */
export interface FleetReport {
  readonly containers: readonly RealContainer[]
  /** By `METHOD /path`, over all engines. */
  readonly requests: Readonly<Record<string, number>>
}

const [engines = '1', containers = '0', first = '0'] = process.argv.slice(2)
const fleet = await startFakeFleet({ engines: Number(engines), containers: Number(containers), first: Number(first) })

/** Events at this rate from all engines in turn, for so long; each has a number of its own. */
function storm(perSecond: number, ms: number): void {
  let told = 0
  const start = performance.now()
  const timer = setInterval(() => {
    const due = (Math.min(performance.now() - start, ms) * perSecond) / 1000
    for (; told < due; told += 1) {
      const engine = fleet.engines[told % fleet.engines.length]
      const [container] = engine?.containers.values() ?? []
      if (container !== undefined) engine?.tell(`exec_start: ${told}`, container)
    }
    if (performance.now() - start < ms) return
    clearInterval(timer)
    process.send?.(told)
  }, 5)
}

process.on('message', (question) => {
  if (typeof question === 'object' && question !== null && 'perSecond' in question && 'ms' in question) {
    storm(Number(question.perSecond), Number(question.ms))
  }
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
