import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { loadProject } from '../../src/compose/load/load.ts'
import { makeDictionary } from '../../src/compose/model/dictionary.ts'
import type { Row } from './bench.ts'
import { findCompose1, findCompose2 } from './peers.ts'
import type { Peer } from './peers.ts'

const program = join(import.meta.dirname, '../../dist/bin/docker-compose.cjs')

/** Loading projects of three sizes, and `config` from a shell against both ancestors. */
export async function run(): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-bench-'))
  try {
    return [...measureLoads(), ...(await measureCommands(folder))]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A file as people write them: an image, some variables, a port, a label, a dependency. */
function makeFile(services: number): string {
  const parts = ['services:\n']
  for (let index = 0; index < services; index += 1) {
    parts.push(
      `  service-${index}:\n    image: registry.example/app-${index % 20}:\${TAG:-latest}\n`,
      `    environment:\n      INDEX: "${index}"\n      MODE: production\n`,
      `    ports: ["${10_000 + index}:80"]\n    labels: {com.example.index: "${index}"}\n`,
      index === 0 ? '' : `    depends_on: [service-${Math.floor(index / 2)}]\n`,
    )
  }
  return parts.join('')
}

function measureLoads(): readonly Row[] {
  const sizes = [10, 200, 2000]
  const costs = sizes.map((size) => cpuOf(() => loadText(makeFile(size)), size > 1000 ? 3 : 10))
  const rows = sizes.map((size, index): Row => ({
    name: `compose load, ${size} services, CPU`,
    value: costs[index] ?? 0,
    unit: 'ms',
  }))
  const growth = (costs[2] ?? 0) / (costs[1] ?? 1)
  return [...rows, { name: 'compose load, growth from 200 to 2,000 services', value: growth, unit: 'x', mark: '<= 15' }]
}

function loadText(text: string): void {
  loadProject(
    {
      files: [{ path: '/bench/compose.yml', text }],
      workingDir: '/bench',
      environment: makeDictionary(),
      projectName: 'bench',
    },
    { files: { readText: () => undefined, kindOf: () => 'missing', resolveLinks: (path) => path } },
  )
}

/** Least processor milliseconds of several runs: other work on the machine does not count. */
function cpuOf(work: () => void, times: number): number {
  work()
  let least = Number.POSITIVE_INFINITY
  for (let index = 0; index < times; index += 1) {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

async function measureCommands(folder: string): Promise<readonly Row[]> {
  if (!existsSync(program)) return []
  const ours: Peer = { name: 'flotilla', command: [process.execPath, '--', program], env: {} }
  const peers = [await findCompose1(), await findCompose2()].filter((peer) => peer !== undefined)
  const rows: Row[] = []
  for (const size of [10, 200]) {
    const file = join(folder, `compose-${size}.yml`)
    writeFileSync(file, makeFile(size))
    const value = wallOf(ours, file)
    if (value === undefined) continue
    const name = `config, ${size} services`
    const yardsticks = peers.flatMap((peer) => {
      const other = wallOf(peer, file)
      return other === undefined ? [] : [{ name: peer.name, value: other, ratio: value / other }]
    })
    if (yardsticks.length === 0) rows.push({ name, value, unit: 'ms' })
    for (const against of yardsticks) rows.push({ name: `${name} (${against.name})`, value, unit: 'ms', against })
  }
  return rows
}

/** Least wall milliseconds of three runs; nothing when the program cannot do it. */
function wallOf(peer: Peer, file: string): number | undefined {
  let least: number | undefined
  for (let index = 0; index < 3; index += 1) {
    const [command, ...args] = peer.command
    const startedAt = performance.now()
    const result = spawnSync(command, [...args, '-f', file, '-p', 'bench', 'config'], {
      env: { ...process.env, ...peer.env },
      maxBuffer: 64 * 1024 * 1024,
    })
    if (result.status !== 0) return undefined
    least = Math.min(least ?? Number.POSITIVE_INFINITY, performance.now() - startedAt)
  }
  return least
}
