import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'

/**
 * The built programs in both forms they are shipped in, for end-to-end tests of the command line:
 *
 * ```ts
 * describe.each(programForms)('docker-machine ($name)', (form) => {
 *   it('lists nothing in an empty store', async () => {
 *     const result = await form.run('docker-machine', ['ls', '-q'], { env: { MACHINE_STORAGE_PATH: folder } })
 *     expect(result).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
 *   })
 * })
 * ```
 */

export type ProgramName = 'flotilla' | 'docker-machine' | 'docker-compose' | 'swarm'

export interface RunOptions {
  /** Added to a nearly empty environment (PATH, HOME, LANG, TMPDIR of the test's process). */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Text for stdin, which is closed after it. */
  readonly input?: string
  /** Killed after this many milliseconds; 60 s when absent. */
  readonly timeoutMs?: number
}

export interface RunResult {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramForm {
  /** `node` or `executable`. */
  readonly name: 'node' | 'executable'
  /** Command and leading arguments that start the program, for tests that spawn it themselves (ptys, shells). */
  command(program: ProgramName): readonly [string, ...string[]]
  /** Runs to the end and collects the output. Never rejects for an exit code. */
  run(program: ProgramName, args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** Starts and returns at once; the caller ends it. */
  start(program: ProgramName, args: readonly string[], options?: RunOptions): ChildProcessWithoutNullStreams
}

const root = resolve(import.meta.dirname, '..', '..')

function makeForm(
  name: ProgramForm['name'],
  command: (program: ProgramName) => readonly [string, ...string[]],
): ProgramForm {
  const start = (
    program: ProgramName,
    args: readonly string[],
    options: RunOptions = {},
  ): ChildProcessWithoutNullStreams => {
    const [file, ...leading] = command(program)
    return spawn(file, [...leading, ...args], {
      cwd: options.cwd ?? root,
      env: { ...plainEnv(), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
  }
  return {
    name,
    command,
    start,
    async run(program, args, options = {}) {
      const child = start(program, args, options)
      child.stdin.on('error', () => {})
      child.stdin.end(options.input ?? '')
      return collect(child, options.timeoutMs ?? 60_000)
    },
  }
}

const nodeForm = makeForm('node', (program) => [process.execPath, join(root, 'dist', 'bin', `${program}.cjs`)])

/** For tests that start a program often, in whichever form: it takes a sixth of the processor's time to start. */
export const executableForm: ProgramForm = makeForm('executable', (program) => [join(root, 'dist', 'exe', program)])

/** Both forms; a test that needs only one names it in its title. */
export const programForms: readonly ProgramForm[] = [nodeForm, executableForm]

let isEnsured = false

/** Builds what is missing or old. Call it in `beforeAll` of a file that runs on its own; `npm test` has done it. */
export function ensurePrograms(): void {
  if (isEnsured) return
  isEnsured = true
  const script = `import { ensureBuilt } from ${JSON.stringify(join(root, 'scripts', 'built.mjs'))}; ensureBuilt({ executable: true })`
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' })
  if (result.status !== 0 || !existsSync(join(root, 'dist', 'exe', 'flotilla'))) {
    throw new Error(`building the programs failed\n${result.stdout}${result.stderr}`)
  }
}

function plainEnv(): Record<string, string> {
  // Compiled code is kept with the repository, not in the home of whoever runs the tests.
  const kept: Record<string, string> = { XDG_CACHE_HOME: join(root, '.cache', 'e2e') }
  for (const name of ['PATH', 'HOME', 'LANG', 'TMPDIR', 'USER']) {
    const value = process.env[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}

/** Waits for the end of a child and collects its output. The child is killed when the time is over. */
export function collect(child: ChildProcess, timeoutMs: number): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, stdout, stderr })
    })
  })
}
