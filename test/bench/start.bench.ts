import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import type { Row } from './bench.ts'

const root = resolve(import.meta.dirname, '..', '..')
const runs = 15

interface Cost {
  /** Milliseconds of one start. */
  readonly wallMs: number
  readonly cpuMs: number
}

/**
 * What starting costs: each program on Node against `node -e 0`, and as the executable. CPU is user and
 * system time of the process and its children, the mean of several starts after one that warms the disk;
 * wall-clock time is that of the quickest.
 */
export async function run(): Promise<readonly Row[]> {
  const bare = measure([process.execPath, '-e', '0'])
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
    const cost = measure([process.execPath, join(root, 'dist', 'bin', `${program}.cjs`), ...args], place)
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
    const single = measure([executable, ...args], place)
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

function measure(command: readonly string[], cwd = root): Cost {
  // bash's own `time` is the one place where the CPU time of children can be had without native code.
  // The quickest start counts on the wall clock: what else the machine does only ever adds to it.
  const script = `"$@" >/dev/null 2>&1
    best=
    TIMEFORMAT='%U %S'
    time for ((i = 0; i < ${runs}; i++)); do
      before=$EPOCHREALTIME; "$@" >/dev/null 2>&1; after=$EPOCHREALTIME
      took=$((\${after/./} - \${before/./}))
      [[ -z $best || $took -lt $best ]] && best=$took
    done
    echo "$best" >&2`
  const result = spawnSync('bash', ['-c', script, 'bash', ...command], {
    encoding: 'utf8',
    cwd,
    env: { ...process.env, LC_ALL: 'C' },
  })
  const [user = Number.NaN, system = 0, bestMicroseconds = 0] = result.stderr.trim().split(/\s+/).map(Number)
  if (Number.isNaN(user)) throw new Error(`cannot time ${command.join(' ')}: ${result.stderr}`)
  return { wallMs: bestMicroseconds / 1000, cpuMs: ((user + system) * 1000) / runs }
}

function round(value: number, scale = 10): number {
  return Math.round(value * scale) / scale
}
