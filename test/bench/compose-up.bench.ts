import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { unpackPackages } from '../../src/testing/lab/debian-packages.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Row } from './bench.ts'

/**
 * `up -d` with nothing to do, `ps` and `exec`, for a project of 50 running services, against docker-compose 2.40
 * and 1.29 on the same engine: wall time of the whole program, median of five.
 */

const services = 50
const rounds = 5
const root = resolve(import.meta.dirname, '..', '..')

interface Contender {
  readonly name: string
  readonly argv: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
}

/** Both forms that are shipped; the executable is the recommended one. */
const ours: Contender = { name: 'executable', argv: [join(root, 'dist', 'exe', 'docker-compose')] }
const onNode: Contender = {
  name: 'on Node',
  argv: [process.execPath, join(root, 'dist', 'bin', 'docker-compose.cjs')],
}

export async function run(): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) return []
  const folder = await mkdtemp(join(tmpdir(), 'compose-bench-'))
  const running = await lab({ image: true, namePrefix: 'bch' })
  try {
    const entries = Array.from(
      { length: services },
      (_, index) => `  s${index}: { image: flotilla/sample:latest, network_mode: none }\n`,
    )
    await writeFile(join(folder, 'docker-compose.yml'), `version: "3.8"\nservices:\n${entries.join('')}`)
    const host = running.hosts[0]
    const place = { cwd: folder, engine: `unix://${host?.socketPath ?? ''}` }
    const rows: Row[] = []
    for (const peer of [await findModern(), await findClassic()]) rows.push(...(await compare(peer, place)))
    return rows
  } finally {
    await running.down()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Place {
  readonly cwd: string
  readonly engine: string
}

/** Ours keeps what 2.40 brought up; 1.29 names and hashes otherwise, so each brings up its own. */
async function compare(peer: Contender, place: Place): Promise<readonly Row[]> {
  const rows: Row[] = []
  await time(peer, ['up', '-d'], place)
  const theirs = await medians(peer, place)
  if (peer.name.endsWith('1.29')) {
    await time(peer, ['down', '-t', '0'], place)
    await time(ours, ['up', '-d'], place)
  }
  for (const form of [ours, onNode]) {
    for (const [command, value] of await medians(form, place)) {
      const against = theirs.get(command) ?? Number.NaN
      rows.push({
        name: `compose ${command}, ${services} services, nothing to do, ${form.name}`,
        value,
        unit: 'ms',
        against: { name: peer.name, value: against, ratio: value / against },
        ...(form === ours && { mark: 'below 1 ×' }),
      })
    }
  }
  await time(ours, ['down', '-t', '0'], place)
  return rows
}

async function medians(contender: Contender, place: Place): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  for (const command of ['up -d', 'ps', 'exec -T s0 true']) {
    const times: number[] = []
    for (let round = 0; round < rounds; round += 1) times.push(await time(contender, command.split(' '), place))
    found.set(command, times.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN)
  }
  return found
}

async function time(contender: Contender, command: readonly string[], place: Place): Promise<number> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: place.cwd,
    DOCKER_HOST: place.engine,
    COMPOSE_HTTP_TIMEOUT: '300',
    ...contender.env,
  }
  const startMs = performance.now()
  const result = await execProgram([...contender.argv, '-p', 'bench', ...command], {
    clock: systemClock,
    cwd: place.cwd,
    env,
  })
  if (result.code !== 0) throw new Error(`${contender.name} ${command.join(' ')}: ${result.stderr}`)
  return performance.now() - startMs
}

async function findModern(): Promise<Contender> {
  const tree = await unpackPackages({ name: 'docker-compose', suite: 'sid', packages: ['docker-compose'] }, systemClock)
  return { name: 'docker-compose 2.40', argv: [join(tree, 'usr/libexec/docker/cli-plugins/docker-compose')] }
}

const classicPackages: readonly string[] = [
  'docker-compose',
  'python3-attr',
  'python3-certifi',
  'python3-chardet',
  'python3-charset-normalizer',
  'python3-distutils',
  'python3-docker',
  'python3-dockerpty',
  'python3-docopt',
  'python3-dotenv',
  'python3-idna',
  'python3-jsonschema',
  'python3-lib2to3',
  'python3-packaging',
  'python3-pkg-resources',
  'python3-pyrsistent',
  'python3-requests',
  'python3-six',
  'python3-texttable',
  'python3-urllib3',
  'python3-websocket',
  'python3-yaml',
]

/** Runs on the machine's own Python 3.11, with the libraries from the unpacked tree. */
async function findClassic(): Promise<Contender> {
  const set = { name: 'docker-compose-classic', suite: 'bookworm', packages: classicPackages }
  const tree = await unpackPackages(set, systemClock)
  const libraries = [join(tree, 'usr/lib/python3/dist-packages'), join(tree, 'usr/lib/python3.11')].join(':')
  return {
    name: 'docker-compose 1.29',
    argv: ['/usr/bin/python3', join(tree, 'usr/bin/docker-compose')],
    env: { PYTHONPATH: libraries },
  }
}
