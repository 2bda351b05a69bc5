import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { median, tellWrong } from './bench.ts'
import type { Row } from './bench.ts'
import type { EnginesHello } from './engines-process.ts'
import { startManager } from './fleet-manager.ts'
import type { ManagerProcess } from './fleet-manager.ts'
import { startHelper } from './helper-process.ts'
import type { StreamsOrder, StreamsReport } from './streams-process.ts'

/**
 * Load L-4: 500 streams at once, exec, attach and followed logs, again and again: every byte by digest, half-closes both ways,
 * exit codes; and after each round descriptors and memory of the manager. `FLOTILLA_BENCH_SECONDS=14400` is the long form.
 */
const engines = 4
const echoesEach = 10
const streams = 500
const bytesEach = 64 * 1024
const seconds = Number(process.env['FLOTILLA_BENCH_SECONDS'] ?? '45')

export async function run(): Promise<readonly Row[]> {
  if (process.platform !== 'linux') return []
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  const fakes = await startHelper<object, never>('engines-process', [String(engines), String(echoesEach)])
  const hello = fakes.hello as EnginesHello
  const load = await startHelper<StreamsOrder, StreamsReport>('streams-process')
  const manager = await startManager(hello.addresses, folder)
  try {
    const { echoes, talkers } = hello
    return await measure(manager, (port) => load.order({ port, streams, bytesEach, echoes, talkers }))
  } finally {
    await manager.stop()
    await load.stop()
    await fakes.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(manager: ManagerProcess, go: (port: number) => Promise<StreamsReport>): Promise<readonly Row[]> {
  const problems: string[] = []
  const rss: number[] = []
  const descriptors: number[] = []
  let bytes = 0
  const end = performance.now() + seconds * 1000
  await settle(manager)
  let cpuMs = 0
  for (let round = 0; round < 4 || performance.now() < end; round += 1) {
    const cpuBefore = manager.cpuMs()
    const report = await go(manager.port)
    cpuMs += manager.cpuMs() - cpuBefore
    problems.push(...report.problems)
    bytes += report.bytes
    descriptors.push(await settle(manager))
    rss.push(manager.rssMb())
  }
  // What the first rounds compile and keep is no growth: thirds are compared, the first left out.
  const third = Math.max(1, Math.floor(rss.length / 3))
  const [early, late] = [median(rss.slice(third, 2 * third)), median(rss.slice(-third))]
  const left = (descriptors.at(-1) ?? 0) - Math.max(...descriptors.slice(1, -1))
  const what = `${streams} streams, ${rss.length} rounds`
  return [
    tellWrong(`${what}: cut short, changed, without an end, wrong exit codes`, problems),
    // Connections to engines are kept for the next requests, so it is not the beginning that counts.
    tellWrong(
      `${what}: descriptors left over`,
      left > streams / 10 ? [`${left} more after the last round than after any before`] : [],
    ),
    { name: `${what}, descriptors after the last`, value: descriptors.at(-1) ?? 0, unit: '' },
    { name: `${what}, bytes in all`, value: bytes / 2 ** 20, unit: 'MiB' },
    { name: `${what}, manager CPU per stream`, value: cpuMs / rss.length / streams, unit: 'ms' },
    {
      name: `${what}, resident in the last third`,
      value: late,
      unit: 'MB',
      against: { name: 'the second third', value: early, ratio: late / early },
      mark: '<= 1.1 x',
    },
    { name: `${what}, resident at the peak`, value: manager.peakRssMb(), unit: 'MB' },
  ]
}

/** @returns descriptors when they have stopped to fall */
async function settle(manager: ManagerProcess): Promise<number> {
  let least = manager.descriptors()
  for (let calm = 0; calm < 4; calm += 1) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    const now = manager.descriptors()
    if (now < least) calm = 0
    least = now
  }
  return least
}
