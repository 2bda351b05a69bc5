import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
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
  for (const [program, args] of lines) {
    const cost = measure([process.execPath, join(root, 'dist', 'bin', `${program}.cjs`), ...args])
    const name = `start: ${[program, ...args].join(' ')}`
    rows.push({
      name: `${name} on Node, CPU`,
      value: round(cost.cpuMs),
      unit: 'ms',
      against: { name: 'node -e 0', value: round(bare.cpuMs), ratio: round(cost.cpuMs / bare.cpuMs, 100) },
      mark: `<= ${round(bare.cpuMs + 20)} (bare + 20)`,
    })
    const executable = join(root, 'dist', 'exe', program)
    if (!existsSync(executable)) continue
    const single = measure([executable, ...args])
    rows.push({ name: `${name} as executable, wall`, value: round(single.wallMs), unit: 'ms', mark: '<= 25' })
  }
  return rows
}

const lines: readonly (readonly [string, readonly string[]])[] = [
  ['flotilla', ['--version']],
  ['docker-machine', ['--version']],
  ['docker-compose', ['--version']],
  ['swarm', ['--version']],
  ['docker-machine', ['help']],
]

function measure(command: readonly string[]): Cost {
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
    cwd: root,
    env: { ...process.env, LC_ALL: 'C' },
  })
  const [user = Number.NaN, system = 0, bestMicroseconds = 0] = result.stderr.trim().split(/\s+/).map(Number)
  if (Number.isNaN(user)) throw new Error(`cannot time ${command.join(' ')}: ${result.stderr}`)
  return { wallMs: bestMicroseconds / 1000, cpuMs: ((user + system) * 1000) / runs }
}

function round(value: number, scale = 10): number {
  return Math.round(value * scale) / scale
}
