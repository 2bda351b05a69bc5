import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { median, percentile, tellWrong } from './bench.ts'
import type { Row } from './bench.ts'
import { readCpuMs, startFleetProcess, startManager } from './fleet-manager.ts'
import type { ManagerProcess } from './fleet-manager.ts'
import { startHelper } from './helper-process.ts'
import type { HelperProcess } from './helper-process.ts'
import type { ListsOrder, ListsReport } from './lists-process.ts'

/**
 * Load L-1: fifty clients list, inspect and ask for the info of a manager over 1,000 engines × 30 containers, cold and
 * warm; and promise I11: resident memory comes back after the load.
 *
 * Fifty lists at once are more than a gigabyte: what that takes is told against a bare server that has the very bytes ready.
 * Clients that list once in a while are told in milliseconds.
 */
const engines = 1000
const each = 30
const clients = 50
const seconds = Number(process.env['FLOTILLA_BENCH_SECONDS'] ?? '30')
/** From one list of a client to its next. */
const everyMs = 10_000
/** What a manager gets to become small again. */
const restMs = 15_000

export async function run(): Promise<readonly Row[]> {
  if (process.platform !== 'linux') return []
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  const fleet = await startFleetProcess(engines, each)
  const load = await startHelper<ListsOrder, ListsReport>('lists-process')
  const ids = (await fleet.report()).containers.filter((_, index) => index % 97 === 0).map(({ id }) => id)
  const quiet: ListsOrder = { port: 0, clients, rounds: 1, inspects: 0, ids, everyMs: 0, rows: engines * each }
  const manager = await startManager(fleet.addresses, folder)
  try {
    return await measure(manager, load, quiet)
  } finally {
    await manager.stop()
    await load.stop()
    await fleet.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

type Load = HelperProcess<ListsOrder, ListsReport>

async function measure(manager: ManagerProcess, load: Load, quiet: ListsOrder): Promise<readonly Row[]> {
  const { port } = manager
  const cold = await load.order({ ...quiet, port })
  await restOf(manager)
  const base = manager.rssMb()
  const bare = await startHelper<object, never>('lists-process', ['bare', String(port)])
  const crowd: number[] = []
  const floor: number[] = []
  const cpuMs = { ours: 0, theirs: 0 }
  const problems = [...cold.problems]
  let busy: ListsReport
  try {
    for (let turn = 0; turn < 3; turn += 1) {
      const before = { ours: manager.cpuMs(), theirs: readCpuMs(bare.pid) }
      const ours = await load.order({ ...quiet, port })
      const theirs = await load.order({ ...quiet, port: Number(bare.hello) })
      cpuMs.ours += manager.cpuMs() - before.ours
      cpuMs.theirs += readCpuMs(bare.pid) - before.theirs
      crowd.push(...ours.lists)
      floor.push(...theirs.lists)
      problems.push(...ours.problems, ...theirs.problems)
    }
    const rounds = Math.max(1, Math.round((seconds * 1000) / everyMs))
    busy = await load.order({ ...quiet, port, everyMs, rounds, inspects: 20 })
    problems.push(...busy.problems)
  } finally {
    await bare.stop()
  }
  const peak = manager.peakRssMb()
  await restOf(manager)
  const after = manager.rssMb()
  const what = `${clients} clients, ${engines} engines × ${each}`
  const floorP99 = percentile(floor, 0.99)
  const against = (name: string, yardstick: number, value: number): NonNullable<Row['against']> => ({
    name,
    value: yardstick,
    ratio: value / yardstick,
  })
  const p99 = percentile(crowd, 0.99)
  return [
    tellWrong(`${what}: errors, lists with other than ${engines * each} rows`, problems),
    {
      name: `${what}, all list at once, cold, p99`,
      value: percentile(cold.lists, 0.99),
      unit: 'ms',
      against: against('bare server', floorP99, percentile(cold.lists, 0.99)),
      mark: '<= 6 x',
    },
    {
      name: `${what}, all list at once, warm, p99`,
      value: p99,
      unit: 'ms',
      against: against('bare server', floorP99, p99),
      mark: '<= 3 x',
    },
    {
      name: `${what}, all list at once, manager CPU per list`,
      value: cpuMs.ours / crowd.length,
      unit: 'ms',
      against: against('bare server', cpuMs.theirs / floor.length, cpuMs.ours / crowd.length),
    },
    {
      name: `${what}, each lists every ${everyMs / 1000} s, p50`,
      value: median(busy.lists),
      unit: 'ms',
    },
    {
      name: `${what}, each lists every ${everyMs / 1000} s, p99`,
      value: percentile(busy.lists, 0.99),
      unit: 'ms',
      mark: '<= 250',
    },
    { name: `${what}, inspect meanwhile, p99`, value: percentile(busy.inspects, 0.99), unit: 'ms' },
    { name: `${what}, info meanwhile, p99`, value: percentile(busy.infos, 0.99), unit: 'ms' },
    { name: `${what}, resident at the peak`, value: peak, unit: 'MB', mark: '<= 512' },
    {
      name: `${what}, resident ${restMs / 1000} s after the load`,
      value: after,
      unit: 'MB',
      against: against('before', base, after),
      mark: '<= 1.1 x',
    },
  ]
}

/** Waits until a manager has had its time, and has been asked something small as one in use is. */
async function restOf(manager: ManagerProcess): Promise<void> {
  const end = performance.now() + restMs
  while (performance.now() < end) {
    await fetch(`http://127.0.0.1:${manager.port}/_ping`).then((reply) => reply.text())
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
