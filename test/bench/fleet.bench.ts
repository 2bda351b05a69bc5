import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { History, checkHistory } from '../../src/testing/history.ts'
import type { Row } from './bench.ts'
import { startFleetProcess, startManager } from './fleet-manager.ts'
import type { FleetProcess, ManagerProcess } from './fleet-manager.ts'
import { benchStorm, benchStreams } from './fleet-streams.ts'
import { RawClient } from './raw-client.ts'

/**
 * Pairs of create and start that one client asks for. A manager lives for months, and the engine of JavaScript compiles for
 * the first two thousand: those only warm up.
 */
const pairs = 1500
const warmPairs = 2500
/** Starts of a manager over one fleet; medians of these, for one alone says more of the moment than of the program. */
const starts = 5
/** The 64 clients' time. */
const crowdMs = 1000 * Number(process.env['FLOTILLA_BENCH_SECONDS'] ?? '6')

/** `swarm manage` as users run it over fleets of fake engines: what grows with the fleet, and what does not. */
export async function run(): Promise<readonly Row[]> {
  if (process.platform !== 'linux') return []
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  try {
    return [
      ...(await withFleet(folder, 100, 0, benchSmall)),
      ...(await withFleet(folder, 100, 1, benchTraffic)),
      ...(await withMetFleet(folder, 0, benchEmpty)),
      ...(await withMetFleet(folder, 30, benchFull)),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

type Bench = (fleet: FleetProcess, manager: ManagerProcess) => Promise<readonly Row[]>

/** What it took managers to have all engines in service. */
interface Meeting {
  readonly ms: number
  readonly cpuMs: number
}

/** As `withFleet`, after other managers have met the same engines. */
function withMetFleet(
  folder: string,
  each: number,
  bench: (fleet: FleetProcess, manager: ManagerProcess, meeting: Meeting) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  return withFleet(folder, 1000, each, async (fleet, first) => {
    const met = [first]
    let manager = first
    while (met.length < starts) {
      await manager.stop()
      manager = await startManager(fleet.addresses, folder)
      met.push(manager)
    }
    const ms = median(met.map((each) => each.healthyMs))
    const cpuMs = median(met.map((each) => each.healthyCpuMs))
    try {
      return await bench(fleet, manager, { ms, cpuMs })
    } finally {
      await manager.stop()
    }
  })
}

async function withFleet(folder: string, engines: number, each: number, bench: Bench): Promise<readonly Row[]> {
  const fleet = await startFleetProcess(engines, each)
  try {
    const manager = await startManager(fleet.addresses, folder)
    try {
      return await bench(fleet, manager)
    } finally {
      await manager.stop()
    }
  } finally {
    await fleet.stop()
  }
}

function row(name: string, value: number, unit: string, mark?: string): Row {
  return mark === undefined ? { name, value, unit } : { name, value, unit, mark }
}

async function benchSmall(fleet: FleetProcess, manager: ManagerProcess): Promise<readonly Row[]> {
  const one = await createPairs(manager, fleet, '100 empty engines')
  const crowd = await createInCrowd(manager, fleet)
  return [
    ...one.rows,
    ...crowd.rows,
    row('64 clients : 1 client, pairs/s', crowd.perSecond / one.perSecond, '×', '> 1'),
  ]
}

async function benchTraffic(fleet: FleetProcess, manager: ManagerProcess): Promise<readonly Row[]> {
  return [...(await benchStreams(fleet, manager)), ...(await benchStorm(fleet, manager))]
}

async function benchEmpty(_: FleetProcess, manager: ManagerProcess, meeting: Meeting): Promise<readonly Row[]> {
  const rss = manager.rssMb()
  const client = await RawClient.open(manager.port)
  const info = await medianMs(client, '/info', 15)
  client.close()
  return [
    row('1,000 empty engines healthy (median)', meeting.ms, 'ms', '<= 1,600'),
    row('1,000 empty engines healthy, manager CPU (median)', meeting.cpuMs, 'ms'),
    row('1,000 empty engines, resident', rss, 'MB'),
    row('info of 1,000 engines (median)', info, 'ms', '<= 10'),
  ]
}

async function benchFull(fleet: FleetProcess, manager: ManagerProcess, meeting: Meeting): Promise<readonly Row[]> {
  const what = '1,000 engines × 30'
  const readMs = await untilRead(fleet)
  const start = [
    row(`${what} healthy (median)`, meeting.ms, 'ms', '<= 3,000'),
    row(`${what} healthy, manager CPU (median)`, meeting.cpuMs, 'ms'),
    row(`${what}, every container inspected, after`, manager.healthyMs + readMs, 'ms'),
    row(`${what}, every container inspected, manager CPU`, manager.cpuMs(), 'ms'),
    row(`${what}, resident after start`, manager.rssMb(), 'MB', '<= 250'),
    row(`${what}, peak at start`, manager.peakRssMb(), 'MB', '<= 350'),
  ]
  const lists = await benchLists(manager)
  const pair = await createPairs(manager, fleet, what)
  return [
    ...start,
    ...lists,
    ...pair.rows,
    row(`${what}, resident at the end`, manager.rssMb(), 'MB'),
    row(`${what}, peak of everything`, manager.peakRssMb(), 'MB', '<= 350'),
  ]
}

/** Waits until no engine is asked for details any more. */
async function untilRead(fleet: FleetProcess): Promise<number> {
  const start = performance.now()
  let before = -1
  let since = start
  for (;;) {
    const { requests } = await fleet.report()
    const count = requests['GET /containers/ID/json'] ?? 0
    if (count !== before) since = performance.now()
    else if (performance.now() - since > 700) return since - start
    before = count
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function benchLists(manager: ManagerProcess): Promise<readonly Row[]> {
  const client = await RawClient.open(manager.port)
  const first = await client.ask('GET', '/v1.41/containers/json?all=1', '', true)
  // As with creates: compiled code is what a manager that lives for months runs.
  for (let at = 0; at < 8; at += 1) await client.ask('GET', '/v1.41/containers/json?all=1', '', true)
  const cpuBefore = manager.cpuMs()
  const rounds = 11
  const lists = []
  for (let at = 0; at < rounds; at += 1) lists.push(await client.ask('GET', '/v1.41/containers/json?all=1', '', true))
  const cpu = (manager.cpuMs() - cpuBefore) / rounds
  const one = await medianMs(client, '/v1.41/containers/json?all=1&limit=1', 25)
  const named = await medianMs(client, '/v1.41/containers/json?filters=%7B%22name%22%3A%5B%22app-500-7%22%5D%7D', 25)
  const info = await medianMs(client, '/info', 15)
  client.close()
  return [
    row('ps -a of 30,000, the first', first.ms, 'ms'),
    row('ps -a of 30,000, size', (lists[0]?.bytes ?? 0) / 1e6, 'MB'),
    row('ps -a of 30,000 (median)', median(lists.map((each) => each.ms)), 'ms', '<= 100'),
    row('ps -a of 30,000, first byte (median)', median(lists.map((each) => each.firstMs)), 'ms', '<= 20'),
    row('ps -a of 30,000, manager CPU', cpu, 'ms'),
    row('ps limit=1 of 30,000 (median)', one, 'ms', '<= 3'),
    row('ps by name of 30,000 (median)', named, 'ms'),
    row('info of 1,000 engines × 30 (median)', info, 'ms', '<= 10'),
  ]
}

async function medianMs(client: RawClient, path: string, rounds: number): Promise<number> {
  const times: number[] = []
  for (let at = 0; at < rounds; at += 1) times.push((await client.ask('GET', path, '', true)).ms)
  return median(times)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

interface Pairs {
  readonly rows: readonly Row[]
  readonly perSecond: number
}

const createBody = JSON.stringify({
  Image: 'fleet/app:latest',
  Cmd: ['serve'],
  HostConfig: { Memory: 16 * 1024 * 1024 },
})

/** @returns the ID, undefined when the endpoint said no. Throws when it did not answer. */
async function createPair(client: RawClient, name: string): Promise<string | undefined> {
  const made = await client.ask('POST', `/v1.41/containers/create?name=${name}`, createBody)
  if (made.status !== 201) return undefined
  const { Id } = JSON.parse(made.body) as { readonly Id: string }
  const started = await client.ask('POST', `/v1.41/containers/${Id}/start`)
  if (started.status !== 204) throw new Error(`start: ${started.status} ${started.body}`)
  return Id
}

async function createPairs(manager: ManagerProcess, fleet: FleetProcess, what: string): Promise<Pairs> {
  const client = await RawClient.open(manager.port)
  const times: number[] = []
  for (let at = 0; at < warmPairs; at += 1) await createPair(client, `warm-${at}`)
  const before = await fleet.report()
  const cpuBefore = manager.cpuMs()
  const start = performance.now()
  for (let at = 0; at < pairs; at += 1) {
    const began = performance.now()
    if ((await createPair(client, `pair-${at}`)) === undefined) throw new Error('a create was refused')
    times.push(performance.now() - began)
  }
  const tookMs = performance.now() - start
  // What a pair causes after its answer counts as well.
  await new Promise((resolve) => setTimeout(resolve, 300))
  const cpu = (manager.cpuMs() - cpuBefore) / pairs
  const asked = (total((await fleet.report()).requests) - total(before.requests)) / pairs
  client.close()
  const perSecond = (pairs * 1000) / tookMs
  return {
    perSecond,
    rows: [
      row(`create+start, ${what}, 1 client`, perSecond, 'pairs/s', '>= 200'),
      row(`create+start, ${what}, p50`, median(times), 'ms', '<= 4'),
      row(`create+start, ${what}, manager CPU per pair`, cpu, 'ms', '<= 2'),
      row(`create+start, ${what}, engine requests per pair`, asked, 'requests'),
    ],
  }
}

function total(requests: Readonly<Record<string, number>>): number {
  return Object.values(requests).reduce((sum, count) => sum + count, 0)
}

/** 64 clients create, start and now and then remove; afterwards the engines themselves are asked what they have. */
async function createInCrowd(manager: ManagerProcess, fleet: FleetProcess): Promise<Pairs> {
  const untouched = new Set((await fleet.report()).containers.map((each) => each.name))
  const history = new History()
  const end = performance.now() + crowdMs
  const cpuBefore = manager.cpuMs()
  const work = async (number: number): Promise<void> => {
    const client = await RawClient.open(manager.port)
    for (let round = 0; performance.now() < end; round += 1) {
      // Every eighth name is fought over by all.
      const name = round % 8 === 7 ? `shared-${round}` : `crowd-${number}-${round}`
      const id = await history.record('create', name, () => createPair(client, name))
      if (id === undefined || round % 3 !== 0) continue
      await history.record('remove', name, async () => {
        const gone = await client.ask('DELETE', `/v1.41/containers/${id}?force=1`)
        return gone.status === 204 ? id : undefined
      })
    }
    client.close()
  }
  await Promise.all(Array.from({ length: 64 }, (_, number) => work(number)))
  const made = history.count('create', 'ok')
  const perSecond = (made * 1000) / crowdMs
  const cpu = (manager.cpuMs() - cpuBefore) / made
  const problems = checkHistory(history.operations, (await fleet.report()).containers, untouched)
  for (const problem of problems.slice(0, 10)) process.stderr.write(`${problem}\n`)
  return {
    perSecond,
    rows: [
      row(`64 clients for ${crowdMs / 1000} s, created`, perSecond, 'pairs/s'),
      row('64 clients, manager CPU per pair', cpu, 'ms'),
      row('64 clients, lost or doubled', problems.length, 'containers', '0'),
    ],
  }
}
