import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import type { Row } from './bench.ts'
import { measureCommand } from './command-cost.ts'
import type { Cost } from './command-cost.ts'

const root = resolve(import.meta.dirname, '..', '..')

/**
 * What starting costs: each program on Node against `node -e 0`, and as the executable. CPU is user and
 * system time of the process and its children, the mean of several starts after one that warms the disk;
 * wall-clock time is that of the quickest.
 */
export async function run(): Promise<readonly Row[]> {
  const bare = measureCommand([process.execPath, '-e', '0'])
  const rows: Row[] = [
    { name: 'start: node -e 0, wall', value: round(bare.wallMs), unit: 'ms' },
    { name: 'start: node -e 0, CPU', value: round(bare.cpuMs), unit: 'ms' },
  ]
  const place = mkdtempSync(join(tmpdir(), 'flotilla-start-'))
  try {
    prepare(place)
    return [...rows, ...measurePrograms(bare, place)]
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** A store with one machine and a small project. */
function prepare(place: string): void {
  writeFileSync(join(place, 'compose.yaml'), 'services:\n  web:\n    image: web\n    ports: ["8080:80"]\n')
  const program = join(root, 'dist', 'bin', 'docker-machine.cjs')
  const args = [program, '-s', join(place, 'store'), 'create', '--driver', 'none', '--url', 'tcp://127.0.0.1:1', 'm1']
  const made = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`cannot make the machine to measure with: ${made.stderr}`)
}

function measurePrograms(bare: Cost, place: string): readonly Row[] {
  const rows: Row[] = []
  for (const [program, args, mark] of lines) {
    const cost = measureCommand([process.execPath, join(root, 'dist', 'bin', `${program}.cjs`), ...args], {
      cwd: place,
    })
    const name = `start: ${[program, ...args].join(' ')}`
    rows.push({
      name: `${name} on Node, CPU`,
      value: round(cost.cpuMs),
      unit: 'ms',
      against: { name: 'node -e 0', value: round(bare.cpuMs), ratio: round(cost.cpuMs / bare.cpuMs, 100) },
      ...(mark === undefined ? {} : { mark: `<= ${round(bare.cpuMs + mark.cpuMs)} (bare + ${mark.cpuMs})` }),
    })
    const executable = join(root, 'dist', 'exe', program)
    if (!existsSync(executable)) continue
    const single = measureCommand([executable, ...args], { cwd: place })
    rows.push({
      name: `${name} as executable, wall`,
      value: round(single.wallMs),
      unit: 'ms',
      ...(mark === undefined ? {} : { mark: `<= ${mark.wallMs}` }),
    })
  }
  return rows
}

interface Mark {
  /** Over a bare start of Node. */
  readonly cpuMs: number
  /** Of the executable. */
  readonly wallMs: number
}

const quick: Mark = { cpuMs: 20, wallMs: 25 }

const lines: readonly (readonly [string, readonly string[], Mark?])[] = [
  ['flotilla', ['--version'], quick],
  ['docker-machine', ['--version'], quick],
  ['docker-compose', ['--version'], quick],
  ['swarm', ['--version'], quick],
  ['docker-machine', ['-s', 'store', 'ls', '-q'], quick],
  ['docker-machine', ['-s', 'store', 'inspect', 'm1']],
  ['docker-compose', ['config', '-q'], { cpuMs: 60, wallMs: 40 }],
]

function round(value: number, scale = 10): number {
  return Math.round(value * scale) / scale
}
