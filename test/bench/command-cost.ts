import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import process from 'node:process'

const root = resolve(import.meta.dirname, '..', '..')
const defaultRuns = 15

/** What one run of a command costs. */
export interface Cost {
  /** Milliseconds of the quickest run. */
  readonly wallMs: number
  /** User and system time of the process and its children, the mean of all runs. */
  readonly cpuMs: number
}

export interface CostOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly runs?: number
}

/**
 * Runs a command several times, after once that warms the disk.
 *
 * @throws Error when the first run fails
 */
export function measureCommand(command: readonly string[], options: CostOptions = {}): Cost {
  const { cwd = root, env = {}, runs = defaultRuns } = options
  // bash's own `time` is the one place where the CPU time of children can be had without native code.
  // The quickest start counts on the wall clock: what else the machine does only ever adds to it.
  const script = `said=$("$@" 2>&1) || { echo "$said" >&2; exit 1; }
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
    env: { ...process.env, ...env, LC_ALL: 'C' },
  })
  const [user = Number.NaN, system = 0, bestMicroseconds = 0] = result.stderr.trim().split(/\s+/).map(Number)
  if (result.status !== 0 || Number.isNaN(user)) throw new Error(`cannot time ${command.join(' ')}: ${result.stderr}`)
  return { wallMs: bestMicroseconds / 1000, cpuMs: ((user + system) * 1000) / runs }
}
