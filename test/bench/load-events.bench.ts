import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { percentile, tellWrong } from './bench.ts'
import type { Row } from './bench.ts'
import type { EventsOrder, EventsReport } from './events-process.ts'
import { startFleetProcess, startManager } from './fleet-manager.ts'
import type { FleetProcess, ManagerProcess } from './fleet-manager.ts'
import { startHelper } from './helper-process.ts'
import { RawClient } from './raw-client.ts'

/**
 * Load L-6: 5,000 events a second from 100 engines, followed by subscribers that keep up. `FLOTILLA_BENCH_SECONDS=60` is the
 * long form. The delay of the manager's event loop is its own reading (`/flotilla/metrics`), taken each second; the quiet
 * seconds before say what of it is the machine's.
 */
const engines = 100
const subscribers = 8
const perSecond = 5000
const seconds = Number(process.env['FLOTILLA_BENCH_SECONDS'] ?? '15')
const quietSeconds = 5

export async function run(): Promise<readonly Row[]> {
  if (process.platform !== 'linux') return []
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  const fleet = await startFleetProcess(engines, 1)
  const manager = await startManager(fleet.addresses, folder)
  try {
    return await measure(fleet, manager)
  } finally {
    await manager.stop()
    await fleet.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(fleet: FleetProcess, manager: ManagerProcess): Promise<readonly Row[]> {
  const args = [manager.port, subscribers, engines].map(String)
  const listeners = await startHelper<EventsOrder, EventsReport>('events-process', args)
  try {
    const quiet = await watchLoop(manager, pause(quietSeconds * 1000))
    const before = { cpuMs: manager.cpuMs(), rss: manager.rssMb() }
    let told = 0
    const storm = await watchLoop(
      manager,
      fleet.storm(perSecond, seconds * 1000).then((count) => (told = count)),
    )
    const { problems } = await listeners.order({ told, withinMs: 60_000 })
    const cpuMs = manager.cpuMs() - before.cpuMs
    const what = `${perSecond} events/s for ${seconds} s, ${subscribers} subscribers`
    return [
      tellWrong(`${what}: lost, doubled, out of order`, problems),
      { name: `${what}, told in all`, value: told, unit: 'events' },
      { name: `${what}, manager CPU per event`, value: (cpuMs * 1000) / told, unit: 'µs' },
      { name: `${what}, manager CPU per event and subscriber`, value: (cpuMs * 1000) / told / subscribers, unit: 'µs' },
      {
        name: `${what}, delay of the event loop, p99`,
        value: storm.p99Ms,
        unit: 'ms',
        against: { name: 'before the storm', value: quiet.p99Ms, ratio: storm.p99Ms / quiet.p99Ms },
        mark: '<= 50',
      },
      { name: `${what}, delay of the event loop, longest`, value: storm.maxMs, unit: 'ms' },
      { name: `${what}, _ping meanwhile, p99`, value: storm.pingMs, unit: 'ms' },
      { name: `${what}, resident memory, growth`, value: manager.peakRssMb() - before.rss, unit: 'MB', mark: '<= 64' },
    ]
  } finally {
    await listeners.stop()
  }
}

interface Watched {
  /** The middle of the readings of each second. */
  readonly p99Ms: number
  readonly maxMs: number
  readonly pingMs: number
}

async function watchLoop(manager: ManagerProcess, work: Promise<unknown>): Promise<Watched> {
  const client = await RawClient.open(manager.port)
  const p99s: number[] = []
  const longest: number[] = []
  const pings: number[] = []
  const end = new AbortController()
  const over = work.finally(() => end.abort())
  // The first reading begins the span of the next.
  await readDelay(client)
  for (let tick = 1; !end.signal.aborted; tick += 1) {
    pings.push((await client.ask('GET', '/_ping')).ms)
    await pause(10)
    if (tick % 100 !== 0 && !end.signal.aborted) continue
    const delay = await readDelay(client)
    p99s.push(delay.p99Ms)
    longest.push(delay.maxMs)
  }
  await over
  client.close()
  return { p99Ms: percentile(p99s, 0.5), maxMs: Math.max(...longest), pingMs: percentile(pings, 0.99) }
}

async function readDelay(client: RawClient): Promise<{ readonly p99Ms: number; readonly maxMs: number }> {
  const { body } = await client.ask('GET', '/flotilla/metrics')
  const read = (quantile: string): number =>
    1000 * Number(new RegExp(`flotilla_event_loop_delay_seconds\\{quantile="${quantile}"\\} (\\S+)`).exec(body)?.[1])
  return { p99Ms: read('p99'), maxMs: read('max') }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
