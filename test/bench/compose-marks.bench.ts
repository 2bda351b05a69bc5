import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Row } from './bench.ts'
import { measureFloor } from './engine-floor.ts'
import type { Floor } from './engine-floor.ts'
import { findCompose1, findCompose2 } from './peers.ts'
import type { Peer } from './peers.ts'

/**
 * What a user of docker-compose waits for, the whole program each time, our two forms and the ancestors taking turns on one
 * engine; medians. And how the time of `ps` and of an `up` without work grows with the number of services.
 */

const root = resolve(import.meta.dirname, '..', '..')
const rounds = 11
const slowRounds = 5

/** What a start costs the engine differs: 20.10 starts itself twice for each. */
const engineVersion = process.env['FLOTILLA_BENCH_ENGINE'] ?? '20.10'

const executable: Peer = { name: 'executable', command: [join(root, 'dist', 'exe', 'docker-compose')], env: {} }
const onNode: Peer = {
  name: 'on Node',
  command: [process.execPath, '--', join(root, 'dist', 'bin', 'docker-compose.cjs')],
  env: {},
}

interface Place {
  readonly folder: string
  readonly engine: string
}

/** A task, what is done before each measured run, and the mark against docker-compose 2. */
interface Task {
  readonly name: string
  readonly args: readonly string[]
  readonly before?: readonly string[]
  readonly after?: readonly string[]
  readonly mark: string
  readonly rounds: number
  /** 1.29 takes minutes for some. */
  readonly isWithoutClassic?: boolean
}

function tasks(): readonly Task[] {
  const fifty = ['-f', 'fifty.yml', '-p', 'bench']
  return [
    { name: 'version', args: ['version'], mark: '<= 0.6 x docker-compose 2', rounds },
    { name: 'config, 2 services', args: ['-f', 'small.yml', 'config'], mark: '<= 0.8 x docker-compose 2', rounds },
    { name: 'config, 200 services', args: ['-f', 'many.yml', 'config'], mark: '<= 0.5 x docker-compose 2', rounds },
    {
      name: 'up -d, 50 services, nothing to do',
      args: [...fifty, 'up', '-d'],
      mark: '<= 1 x docker-compose 2',
      rounds,
    },
    { name: 'ps, 50 services', args: [...fifty, 'ps'], mark: '<= 1 x docker-compose 2', rounds },
    ...upAndDown('50 services', 'wired.yml'),
    ...upAndDown('50 services without a network', 'fifty.yml'),
  ]
}

/** Each contender has a project of its own. */
function upAndDown(what: string, file: string): readonly Task[] {
  const up = ['-f', file, 'up', '-d']
  const down = ['-f', file, 'down', '-t', '0']
  const common = { mark: '<= 0.9 x docker-compose 2', rounds: slowRounds, isWithoutClassic: true }
  return [
    { name: `up -d, ${what}`, args: up, after: down, ...common },
    { name: `down -t 0, ${what}`, args: down, before: up, ...common },
  ]
}

export async function run(): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) return []
  const folder = await mkdtemp(join(tmpdir(), 'compose-marks-'))
  const running = await lab({ image: true, namePrefix: 'mrk', engines: [engineVersion] })
  try {
    await writeFile(join(folder, 'small.yml'), makeFile(2))
    await writeFile(join(folder, 'fifty.yml'), makeFile(50))
    await writeFile(join(folder, 'wired.yml'), makeFile(50, ''))
    await writeFile(join(folder, 'many.yml'), makeFile(200))
    await writeFile(join(folder, 'most.yml'), makeFile(500))
    const place = { folder, engine: `unix://${running.hosts[0]?.socketPath ?? ''}` }
    const modern = await findCompose2()
    const peers = [modern, await findCompose1()].filter((peer) => peer !== undefined)
    // What 2.40 has brought up is left alone by all: 1.29 sees its own, brought up beside it.
    for (const peer of peers) call(peer, projectOf(peer, ['-f', 'fifty.yml', '-p', 'bench', 'up', '-d']), place)
    if (modern === undefined) call(executable, ['-f', 'fifty.yml', '-p', 'bench', 'up', '-d'], place)
    const rows = tasks().flatMap((task) => measure(task, peers, place))
    for (const peer of [modern ?? executable, ...peers]) {
      call(peer, projectOf(peer, ['-f', 'fifty.yml', '-p', 'bench', 'down', '-t', '0']), place)
    }
    const floor = modern === undefined ? [] : await compareFloor(running.hosts[0]?.socketPath ?? '', modern, place)
    return [...rows, ...floor, ...measureGrowth(modern, place), ...measureMemory(modern, place)]
  } finally {
    await running.down()
    await rm(folder, { recursive: true, force: true })
  }
}

function makeFile(services: number, network = 'network_mode: none, '): string {
  const entries = Array.from(
    { length: services },
    (_, index) => `  s${index}: { image: "flotilla/sample:latest", ${network}environment: { INDEX: "${index}" } }\n`,
  )
  return `version: "3.8"\nservices:\n${entries.join('')}`
}

/** 1.29 hashes and names otherwise: it works on a project of its own. */
function projectOf(peer: Peer, args: readonly string[]): readonly string[] {
  return peer.name.endsWith('1.29') ? args.map((word) => (word === 'bench' ? 'classic' : word)) : args
}

function measure(task: Task, peers: readonly Peer[], place: Place): readonly Row[] {
  const present = peers.filter((peer) => task.isWithoutClassic !== true || !peer.name.endsWith('1.29'))
  const contenders = [executable, onNode, ...present].filter(({ command }) => existsSync(command.at(-1) ?? ''))
  const times = new Map<Peer, number[]>(contenders.map((peer) => [peer, []]))
  for (let round = 0; round < task.rounds; round += 1) {
    for (const [index, peer] of contenders.entries()) {
      const project = ['-p', `own${index}`]
      const isOwn = !task.args.includes('-p') && task.args.includes('-f')
      const words = (args: readonly string[]): readonly string[] =>
        projectOf(peer, isOwn ? [...project, ...args] : args)
      if (task.before !== undefined) call(peer, words(task.before), place)
      times.get(peer)?.push(call(peer, words(task.args), place))
      if (task.after !== undefined) call(peer, words(task.after), place)
    }
  }
  const value = (peer: Peer): number => median(times.get(peer) ?? [])
  return [executable, onNode]
    .filter((form) => times.has(form))
    .flatMap((form): readonly Row[] => {
      const name = `compose ${task.name}, ${form.name}`
      if (present.length === 0) return [{ name, value: value(form), unit: 'ms' }]
      return present.map((peer) => ({
        name,
        value: value(form),
        unit: 'ms',
        against: { name: peer.name, value: value(peer), ratio: value(form) / value(peer) },
        ...(form === executable && !peer.name.endsWith('1.29') && { mark: task.mark }),
      }))
    })
}

/** What of `up` and `down` is the engine's own work, so that nobody looks for it in a program; the two take turns. */
async function compareFloor(socketPath: string, modern: Peer, place: Place): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const [what, file, network] of [
    ['50 services', 'wired.yml', 'floor'],
    ['50 services without a network', 'fifty.yml', undefined],
  ] as const) {
    const floors: Floor[] = []
    const theirs: Floor[] = []
    for (let round = 0; round < slowRounds; round += 1) {
      floors.push(await measureFloor(socketPath, 'flotilla/sample:latest', 50, network))
      const words = ['-f', file, '-p', 'floor']
      theirs.push({
        upMs: call(modern, [...words, 'up', '-d'], place),
        downMs: call(modern, [...words, 'down', '-t', '0'], place),
      })
    }
    for (const [words, key] of [
      ['up -d', 'upMs'],
      ['down -t 0', 'downMs'],
    ] as const) {
      const value = median(floors.map((floor) => floor[key]))
      const base = median(theirs.map((floor) => floor[key]))
      rows.push({
        name: `${words}, ${what}, by bare calls to the engine`,
        value,
        unit: 'ms',
        against: { name: modern.name, value: base, ratio: value / base },
      })
    }
  }
  return rows
}

/** Everything of a project of 500 services is made by `create`; running them is not what is measured. */
function measureGrowth(modern: Peer | undefined, place: Place): readonly Row[] {
  const rows: Row[] = []
  const forms = [executable, ...(modern === undefined ? [] : [modern])]
  call(executable, ['-f', 'most.yml', '-p', 'most', 'create'], place)
  call(executable, ['-f', 'fifty.yml', '-p', 'few', 'create'], place)
  for (const [name, words] of [
    ['ps -a', ['ps', '-a']],
    ['create, nothing to do', ['create']],
  ] as const) {
    const cost = (peer: Peer, file: string, project: string): number =>
      median([1, 2, 3].map(() => call(peer, ['-f', file, '-p', project, ...words], place)))
    const [ours = Number.NaN, theirs] = forms.map((peer) => cost(peer, 'most.yml', 'most'))
    rows.push({
      name: `compose ${name}, 500 services, executable`,
      value: ours,
      unit: 'ms',
      ...(theirs !== undefined && { against: { name: 'docker-compose 2', value: theirs, ratio: ours / theirs } }),
    })
    const few = cost(executable, 'fifty.yml', 'few')
    rows.push({ name: `compose ${name}, growth from 50 to 500 services`, value: ours / few, unit: 'x', mark: '<= 10' })
  }
  call(executable, ['-f', 'most.yml', '-p', 'most', 'down', '-t', '0'], place)
  call(executable, ['-f', 'fifty.yml', '-p', 'few', 'down', '-t', '0'], place)
  return rows
}

function measureMemory(modern: Peer | undefined, place: Place): readonly Row[] {
  if (!existsSync('/usr/bin/time')) return []
  return [['config, 200 services', ['-f', 'many.yml', 'config']] as const].flatMap(([name, args]) => {
    const peak = (peer: Peer): number => {
      const result = spawnSync('/usr/bin/time', ['-f', '%M', ...peer.command, ...args], setting(peer, place))
      return Number(result.stderr.toString().trim().split('\n').at(-1)) / 1024
    }
    const theirs = modern === undefined ? undefined : peak(modern)
    return [executable, onNode].map((form): Row => {
      const value = peak(form)
      return {
        name: `compose ${name}, peak memory, ${form.name}`,
        value,
        unit: 'MiB',
        ...(theirs !== undefined && { against: { name: 'docker-compose 2', value: theirs, ratio: value / theirs } }),
      }
    })
  })
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function setting(peer: Peer, { folder, engine }: Place): Parameters<typeof spawnSync>[2] & object {
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, DOCKER_HOST: engine, COMPOSE_HTTP_TIMEOUT: '300' }
  return { cwd: folder, env: { ...env, ...peer.env }, maxBuffer: 64 * 1024 * 1024 }
}

/** @returns wall milliseconds */
function call(peer: Peer, args: readonly string[], place: Place): number {
  const [program, ...words] = peer.command
  const startMs = performance.now()
  const result = spawnSync(program, [...words, ...args], setting(peer, place))
  const ms = performance.now() - startMs
  const said = result.stderr.toString()
  if (result.status !== 0 && !hasLeftEndpoints(said)) throw new Error(`${peer.name} ${args.join(' ')}: ${said}`)
  return ms
}

/** Engine 20.10 keeps endpoints of containers that are gone when many go at once, which docker-compose 2 does not wait out. */
function hasLeftEndpoints(said: string): boolean {
  return /network \S+ id \S+ has active endpoints/.test(said)
}
