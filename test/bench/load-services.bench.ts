import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { median, tellWrong } from './bench.ts'
import type { Row } from './bench.ts'
import type { EnginesHello } from './engines-process.ts'
import { startHelper } from './helper-process.ts'
import { findCompose2 } from './peers.ts'

/**
 * Load L-7: a Compose project of very many services: `config`, `plan` and `up` on fake engines, from 200 to 2,000 of them, and
 * with few calls at once. What grows is told in processor time, which other work on the machine does not change.
 */
const few = 200
const many = Number(process.env['FLOTILLA_BENCH_SERVICES'] ?? '2000')
const rounds = 3
const limits = [1, 2, 64] as const
const program = process.env['FLOTILLA_BENCH_COMPOSE'] ?? 'dist/bin/docker-compose.cjs'

interface Cost {
  readonly wallMs: number
  readonly cpuMs: number
  readonly code: number
  readonly said: string
}

export async function run(): Promise<readonly Row[]> {
  if (process.platform !== 'linux') return []
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  // One for each project, so that none sees what another has made.
  const fakes = await startHelper<object, never>('engines-process', [String(limits.length + 2), '0'])
  const { addresses } = fakes.hello as EnginesHello
  try {
    for (const size of [few, many]) await writeFile(join(folder, `${size}.yml`), makeFile(size))
    const place: Place = { folder, addresses, problems: [] }
    const rows = [...(await readAll(place)), ...(await upAll(place))]
    return [tellWrong('projects: failed, missing or doubled containers, work left over', place.problems), ...rows]
  } finally {
    await fakes.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Place {
  readonly folder: string
  readonly addresses: readonly string[]
  readonly problems: string[]
}

function makeFile(services: number): string {
  const parts = ['services:\n']
  for (let index = 0; index < services; index += 1) {
    parts.push(
      `  service-${index}:\n    image: busybox:latest\n    command: serve ${index}\n`,
      `    environment:\n      INDEX: "${index}"\n      MODE: \${MODE:-production}\n`,
      `    labels: {com.example.index: "${index}"}\n`,
      index === 0 ? '' : `    depends_on: [service-${Math.floor(index / 2)}]\n`,
    )
  }
  return parts.join('')
}

const ours = program.endsWith('.cjs')
  ? [process.execPath, '--', join(process.cwd(), program)]
  : [join(process.cwd(), program)]

async function readAll(place: Place): Promise<readonly Row[]> {
  const modern = await findCompose2()
  const rows: Row[] = []
  for (const [words, markMs] of [
    [['config'], 2000],
    [['plan'], 5000],
  ] as const) {
    const cost = async (command: readonly string[], size: number): Promise<Cost> => {
      const costs: Cost[] = []
      for (let round = 0; round < rounds; round += 1) costs.push(await runOnce(command, size, place, 0, words))
      const cpuMs = Math.min(...costs.map((each) => each.cpuMs))
      return { cpuMs, wallMs: median(costs.map((each) => each.wallMs)), code: 0, said: '' }
    }
    const small = await cost(ours, few)
    const large = await cost(ours, many)
    const theirs = modern === undefined || words[0] === 'plan' ? undefined : await cost(modern.command, many)
    const name = `${words[0]}, ${many} services`
    rows.push({
      name,
      value: large.wallMs,
      unit: 'ms',
      ...(theirs !== undefined && {
        against: { name: 'docker-compose 2', value: theirs.wallMs, ratio: large.wallMs / theirs.wallMs },
      }),
      mark: `<= ${markMs.toLocaleString('en-US')}`,
    })
    rows.push({ name: `${name}, CPU`, value: large.cpuMs, unit: 'ms' })
    rows.push({
      name: `${words[0]}, growth of CPU from ${few} to ${many} services`,
      value: large.cpuMs / small.cpuMs,
      unit: 'x',
      mark: `<= ${(1.2 * many) / few}`,
    })
  }
  return rows
}

async function upAll(place: Place): Promise<readonly Row[]> {
  const rows: Row[] = []
  const cpu: number[] = []
  for (const [index, limit] of limits.entries()) {
    const cost = await up(place, few, limit, index)
    rows.push({ name: `up -d, ${few} services, --parallel ${limit}`, value: cost.wallMs, unit: 'ms' })
    if (limit === 64) cpu.push(cost.cpuMs)
  }
  const all = await up(place, many, 64, limits.length)
  rows.push({ name: `up -d, ${many} services, --parallel 64`, value: all.wallMs, unit: 'ms' })
  rows.push({ name: `up -d, ${many} services, CPU`, value: all.cpuMs, unit: 'ms' })
  rows.push({
    name: `up -d, growth of CPU from ${few} to ${many} services`,
    value: all.cpuMs / (cpu[0] ?? Number.NaN),
    unit: 'x',
    mark: `<= ${(1.2 * many) / few}`,
  })
  const again = await runOnce(ours, many, place, limits.length, ['up', '-d'])
  rows.push({ name: `up -d, ${many} services, nothing to do`, value: again.wallMs, unit: 'ms' })
  await check(place, many, limits.length)
  return rows
}

async function up(place: Place, size: number, limit: number, engine: number): Promise<Cost> {
  const cost = await runOnce([...ours, '--parallel', String(limit)], size, place, engine, ['up', '-d'])
  await check(place, size, engine)
  return cost
}

/** What the engine itself has. */
async function check({ addresses, problems }: Place, size: number, engine: number): Promise<void> {
  const reply = await fetch(`http://${addresses[engine]}/v1.41/containers/json?all=1`)
  const rows = (await reply.json()) as readonly { readonly State: string; readonly Labels: Record<string, string> }[]
  const ofProject = rows.filter((row) => row.Labels['com.docker.compose.project'] === 'bench')
  const running = ofProject.filter((row) => row.State === 'running')
  const services = new Set(running.map((row) => row.Labels['com.docker.compose.service']))
  if (services.size !== size || ofProject.length !== size) {
    problems.push(`${services.size} services run in ${ofProject.length} containers instead of ${size}`)
  }
}

/** Wall time and processor time of one run; what children of the shell have used is known to no other program here. */
async function runOnce(
  command: readonly string[],
  size: number,
  { folder, addresses, problems }: Place,
  engine: number,
  words: readonly string[],
): Promise<Cost> {
  const script = 'TIMEFORMAT="%R %U %S"; { time "$@" > /dev/null 2> "$SAID"; } 2>&1'
  const said = join(folder, 'said')
  const args = [...command, '-f', join(folder, `${size}.yml`), '-p', 'bench', ...words]
  const env = { ...process.env, DOCKER_HOST: `tcp://${addresses[engine]}`, LC_ALL: 'C', SAID: said, HOME: folder }
  const child = spawn('bash', ['-c', script, 'bash', ...args], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 1)))
  const [wall = Number.NaN, user = 0, system = 0] = text.trim().split(/\s+/).map(Number)
  if (code !== 0) problems.push(`${words.join(' ')}, ${size} services: exit code ${code}`)
  return { wallMs: wall * 1000, cpuMs: (user + system) * 1000, code, said: text }
}
