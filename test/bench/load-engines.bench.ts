import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { tellWrong } from './bench.ts'
import type { Row } from './bench.ts'
import { startFleetProcess, startManager } from './fleet-manager.ts'
import type { FleetProcess, ManagerProcess } from './fleet-manager.ts'
import { RawClient } from './raw-client.ts'

/**
 * Load L-2: a manager over very many engines from nothing. Twice with a fifth and with all of them, so that growth can be told
 * on any machine. `FLOTILLA_BENCH_ENGINES=10000` is the long form.
 */
const engines = Number(process.env['FLOTILLA_BENCH_ENGINES'] ?? '2000')
const each = 10
/** Engines that one process plays. */
const perProcess = 2500
const idleMs = 1000 * Number(process.env['FLOTILLA_BENCH_SECONDS'] ?? '20')

export async function run(): Promise<readonly Row[]> {
  if (process.platform !== 'linux') return []
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  try {
    const few = await measure(folder, engines / 5)
    const many = await measure(folder, engines)
    return [...few.rows, ...many.rows, ...compare(few, many)]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Measured {
  readonly engines: number
  readonly healthyCpuMs: number
  readonly residentMb: number
  readonly rows: readonly Row[]
}

async function measure(folder: string, count: number): Promise<Measured> {
  const fleets: FleetProcess[] = []
  let manager: ManagerProcess | undefined
  try {
    for (let first = 0; first < count; first += perProcess) {
      fleets.push(await startFleetProcess(Math.min(perProcess, count - first), each, first))
    }
    manager = await startManager(
      fleets.flatMap((fleet) => fleet.addresses),
      folder,
    )
    return await measureManager(manager, fleets, count)
  } finally {
    await manager?.stop()
    for (const fleet of fleets) await fleet.stop()
  }
}

async function measureManager(manager: ManagerProcess, fleets: readonly FleetProcess[], count: number) {
  const client = await RawClient.open(manager.port)
  const first = await client.ask('GET', '/v1.41/containers/json?all=1')
  const rows = (JSON.parse(first.body) as readonly { readonly Id: string }[]).map(({ Id }) => Id)
  const missing = count * each - new Set(rows).size
  const calmMs = await untilCalm(fleets)
  const allCpuMs = manager.cpuMs()
  const before = manager.cpuMs()
  await new Promise((resolve) => setTimeout(resolve, idleMs))
  const idleShare = (manager.cpuMs() - before) / idleMs
  const unhealthy = count - (await client.ask('GET', '/info')).body.split('Healthy').length + 1
  client.close()
  const what = `${count.toLocaleString('en-US')} engines × ${each}`
  const residentMb = manager.rssMb()
  const isFull = count >= 10_000
  return {
    engines: count,
    healthyCpuMs: manager.healthyCpuMs,
    residentMb,
    rows: [
      tellWrong(
        `${what}: containers missing in the first list`,
        missing === 0 ? [] : [`${missing} of ${count * each}`],
      ),
      { name: `${what}: engines not healthy at the end`, value: unhealthy, unit: 'engines', mark: '0' },
      { name: `${what}, ready`, value: manager.healthyMs / 1000, unit: 's', ...(isFull && { mark: '<= 60' }) },
      { name: `${what}, ready, manager CPU`, value: manager.healthyCpuMs / 1000, unit: 's' },
      { name: `${what}, every container inspected, after`, value: (manager.healthyMs + calmMs) / 1000, unit: 's' },
      { name: `${what}, every container inspected, manager CPU`, value: allCpuMs / 1000, unit: 's' },
      { name: `${what}, resident`, value: residentMb, unit: 'MB', ...(isFull && { mark: '<= 2,048' }) },
      { name: `${what}, resident at the peak`, value: manager.peakRssMb(), unit: 'MB' },
      {
        name: `${what}, idle for ${idleMs / 1000} s, share of one processor`,
        value: idleShare * 100,
        unit: '%',
        ...(isFull && { mark: '<= 10' }),
      },
    ],
  }
}

/** Waits until no engine is asked for details any more. */
async function untilCalm(fleets: readonly FleetProcess[]): Promise<number> {
  const start = performance.now()
  let before = -1
  let since = start
  for (;;) {
    let count = 0
    for (const fleet of fleets) count += (await fleet.report()).requests['GET /containers/ID/json'] ?? 0
    if (count !== before) since = performance.now()
    else if (performance.now() - since > 2000) return since - start
    before = count
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** More than five times as much for five times as many would grow without bound. */
function compare(few: Measured, many: Measured): readonly Row[] {
  const what = `from ${few.engines.toLocaleString('en-US')} to ${many.engines.toLocaleString('en-US')} engines`
  return [
    {
      name: `${what}, growth of the CPU until ready`,
      value: many.healthyCpuMs / few.healthyCpuMs,
      unit: 'x',
      mark: '<= 6',
    },
    { name: `${what}, growth of memory`, value: many.residentMb / few.residentMb, unit: 'x', mark: '<= 6' },
    {
      name: `${what}, memory of an engine with ${each} containers`,
      value: ((many.residentMb - few.residentMb) * 1024) / (many.engines - few.engines),
      unit: 'kB',
    },
  ]
}
