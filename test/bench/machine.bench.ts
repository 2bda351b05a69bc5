import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import type { Row } from './bench.ts'
import { measureCommand } from './command-cost.ts'
import type { Cost } from './command-cost.ts'

const root = resolve(import.meta.dirname, '..', '..')
const node = [process.execPath, join(root, 'dist', 'bin', 'docker-machine.cjs')]
const executable = [join(root, 'dist', 'exe', 'docker-machine')]
const listed = 100
const dead = 10
const timeoutSeconds = 2

/**
 * What docker-machine's everyday commands take: on a machine of driver `local` with a real engine, on a store
 * of a hundred machines, and for making a machine from nothing to an engine that answers over TLS.
 */
export async function run(): Promise<readonly Row[]> {
  const bare = measureCommand([process.execPath, '-e', '0'])
  const place = mkdtempSync(join(tmpdir(), 'flotilla-machine-'))
  try {
    return [...measureList(bare, place), ...measureLocal(bare, place)]
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

function measureList(bare: Cost, place: string): readonly Row[] {
  const store = join(place, 'list')
  runMachine(['create', '--driver', 'none', '--url', 'tcp://127.0.0.1:1', 'm1'], { MACHINE_STORAGE_PATH: store })
  const first = join(store, 'machines', 'm1')
  for (let index = 2; index <= listed; index += 1) {
    const folder = join(store, 'machines', `m${index}`)
    cpSync(first, folder, { recursive: true })
    const record = join(folder, 'config.json')
    writeFileSync(record, readFileSync(record, 'utf8').replaceAll('"m1"', `"m${index}"`))
  }
  const env = { MACHINE_STORAGE_PATH: store }
  const rows = measureForms(bare, ['ls'], env, { name: `ls of ${listed} machines of driver none`, markMs: 300 })
  return [...rows, ...measureDead(store, env)]
}

/** Some of the machines never answer: they take one time-out, all together. */
function measureDead(store: string, env: Readonly<Record<string, string>>): readonly Row[] {
  for (let index = 1; index <= dead; index += 1) {
    const record = join(store, 'machines', `m${index}`, 'config.json')
    // Kept for documentation (RFC 5737): no host has this address.
    writeFileSync(record, readFileSync(record, 'utf8').replaceAll('127.0.0.1:1"', `192.0.2.${index}:2376"`))
  }
  const [file = '', ...rest] = existsSync(executable[0] ?? '') ? executable : node
  const startMs = performance.now()
  const time = ['-f', '%M', file, ...rest, 'ls', '-t', String(timeoutSeconds)]
  const result = spawnSync('/usr/bin/time', time, { encoding: 'utf8', env: { ...process.env, ...env } })
  const wallMs = performance.now() - startMs
  const name = `machine: ls of ${listed}, ${dead} of them dead, time-out ${timeoutSeconds} s`
  const wall: Row = {
    name: `${name}, wall`,
    value: Math.round(wallMs),
    unit: 'ms',
    mark: `<= ${timeoutSeconds * 1000 + 500}`,
  }
  const kilobytes = Number(result.stderr?.trim().split('\n').at(-1) ?? Number.NaN)
  if (Number.isNaN(kilobytes)) return [wall]
  return [wall, { name: `${name}, memory`, value: Math.round(kilobytes / 1024), unit: 'MB', mark: '<= 120' }]
}

/** Machines of driver `local` need root on Linux; elsewhere there is nothing to measure. */
function measureLocal(bare: Cost, place: string): readonly Row[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return []
  const env = {
    MACHINE_STORAGE_PATH: join(place, 'store'),
    FLOTILLA_LOCAL_DIR: join(place, 'local'),
    FLOTILLA_LOCAL_SUBNET: '10.214.60.0/24',
  }
  const names = ['one', 'two']
  try {
    const took = names.map((name) => timeCreate(name, env))
    return [
      {
        name: 'machine: create --driver local, until the engine answers over TLS',
        value: Math.round(Math.min(...took)),
        unit: 'ms',
        mark: '<= 3,000',
      },
      ...['env', 'config', 'inspect', 'url', 'status'].flatMap((command) =>
        measureForms(bare, [command, 'one'], env, { name: command, markMs: 40 }),
      ),
    ]
  } finally {
    runMachine(['rm', '-f', ...names], env)
  }
}

function timeCreate(name: string, env: Readonly<Record<string, string>>): number {
  const startMs = performance.now()
  runMachine(['create', '--driver', 'local', name], env)
  return performance.now() - startMs
}

interface Wanted {
  readonly name: string
  /** Of the executable. */
  readonly markMs?: number
}

function measureForms(
  bare: Cost,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { name, markMs }: Wanted,
): readonly Row[] {
  const onNode = measureCommand([...node, ...args], { env })
  const against = { name: 'node -e 0', value: round(bare.wallMs), ratio: round(onNode.wallMs / bare.wallMs, 100) }
  const row: Row = { name: `machine: ${name} on Node, wall`, value: round(onNode.wallMs), unit: 'ms', against }
  if (!existsSync(executable[0] ?? '')) return [row]
  const single = measureCommand([...executable, ...args], { env })
  return [
    row,
    {
      name: `machine: ${name} as executable, wall`,
      value: round(single.wallMs),
      unit: 'ms',
      against: { ...against, ratio: round(single.wallMs / bare.wallMs, 100) },
      ...(markMs !== undefined && { mark: `<= ${markMs}` }),
    },
  ]
}

/** @throws Error with what the program said */
function runMachine(args: readonly string[], env: Readonly<Record<string, string>>): void {
  const [file = '', ...rest] = existsSync(executable[0] ?? '') ? executable : node
  const result = spawnSync(file, [...rest, ...args], { encoding: 'utf8', env: { ...process.env, ...env } })
  if (result.status !== 0) throw new Error(`docker-machine ${args.join(' ')} failed: ${result.stdout}${result.stderr}`)
}

function round(value: number, scale = 10): number {
  return Math.round(value * scale) / scale
}
