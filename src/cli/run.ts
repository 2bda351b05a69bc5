import { waitAtMost } from '../core/deadline.ts'
import { FlotillaError, isFlotillaError } from '../core/errors.ts'
import type { FlagTable } from '../core/flag.ts'
import { goQuote } from '../core/goquote.ts'
import { isSecretName } from '../core/mask.ts'
import { fileReason } from '../core/file-reason.ts'
import type { Command, Context } from './command.ts'
import type { Dialect } from './dialects/dialect.ts'
import { goflag } from './dialects/goflag.ts'
import { pflag } from './dialects/pflag.ts'
import type { ParsedFlags } from './flag-values.ts'
import { collectFlagValues } from './flag-values.ts'
import { listenForInterrupts } from './interrupt.ts'
import type { Interrupts } from './interrupt.ts'
import { makeLog } from './log.ts'
import { parseCommandLine } from './parse.ts'
import type { ParsedLine, RootCommand } from './parse.ts'
import type { Personality } from './personality.ts'
import { renderError } from './report.ts'
import { spellVersionCommand } from './version-word.ts'
import type { SignalName, World } from './world.ts'

/** A program: how it behaves and what it can do. */
export interface Program {
  readonly personality: Personality
  readonly globals: FlagTable
  readonly commands: readonly Command[]
}

/** An engine or registry that does not answer must not hold up who presses Tab. */
const completionLimitMs = 3000

/** Exit code of a program whose reader went away, as the shell reports SIGPIPE. */
const brokenPipeExitCode = 141
/** How long a command may take to end after its reader has gone. */
const tidyMs = 2000

/**
 * Runs one command line from start to end: the only place that prints errors and chooses exit codes.
 *
 * @returns the exit code; never rejects
 */
export async function run(program: Program, world: World): Promise<number> {
  const interrupts = listenForInterrupts(world)
  const claims: ((error: unknown) => void)[] = []
  const stopUncaught = { stop: () => {} }
  const uncaught = new Promise<never>((_, reject) => {
    stopUncaught.stop = world.onUncaught((error) => (claims.at(-1) ?? reject)(error))
  })
  const state: RunState = { program, world, interrupts, uncaughtClaims: claims, globals: undefined, secrets: [] }
  let isUnread = false
  const work = dispatch(state)
    .then((code) => afterOutput(world, code))
    .catch((error: unknown) => {
      if (!isUnread) throw error
      return brokenPipeExitCode
    })
  const unread = watchForBrokenPipe(world).then(async () => {
    // `up | tee log`: Ctrl-C ends both, and what the one is stopping then is stopped all the same.
    if (interrupts.isAnswering()) return work
    isUnread = true
    interrupts.abort('EPIPE')
    // Nobody is told any more how it ends, but the lock of a project and the like are not to be left behind.
    await waitAtMost(world.clock, work, tidyMs)
    return brokenPipeExitCode
  })
  try {
    return await Promise.race([
      work.then((code) => (isUnread ? brokenPipeExitCode : code)),
      unread,
      uncaught,
      interrupts.impatient.then((name) => interruptExitCode(program.personality, name)),
    ])
  } catch (error) {
    return finishWithError(state, error)
  } finally {
    interrupts.stop()
    stopUncaught.stop()
  }
}

interface RunState {
  readonly program: Program
  readonly world: World
  readonly interrupts: Interrupts
  readonly uncaughtClaims: ((error: unknown) => void)[]
  globals: ParsedFlags | undefined
  secrets: readonly string[]
}

async function dispatch(state: RunState): Promise<number> {
  const { program, world } = state
  const { personality } = program
  const dialect = dialectOf(personality)
  const root: RootCommand = {
    name: personality.program,
    brief: personality.purpose,
    flags: program.globals,
    args: [],
    commands: program.commands,
  }
  if (/^__complete(?:NoDesc)?$/.test(world.argv[0] ?? '')) return completeLine(state, root)
  const argv = personality.id === 'docker-compose' ? spellVersionCommand(world.argv) : world.argv
  const line = await parseCommandLine(root, argv, {
    dialect,
    env: world.env,
    versionFlag: { version: { kind: 'boolean', short: 'v', brief: 'Print the version' } },
    everywhere: personality.everywhere,
    helpWords: personality.dialect === 'goflag' ? ['help', 'h'] : ['help'],
    findMoreFlags: async (path, argv, globals) =>
      (await path.at(-1)?.moreFlags?.(argv, makeContext(state, path, globals))) ?? {},
  })
  if (line.kind === 'run') return runCommand(state, line)
  if (line.kind === 'version') {
    world.stdout.write(`${line.path.at(-1)?.versionText ?? personality.versionText}\n`)
    return 0
  }
  const { answer } = await import('./answer.ts')
  return answer(line, {
    personality,
    world,
    makeContext: (path) => makeContext(state, path, collectFlagValues({}, [], {}, dialect)),
  })
}

/** Answers a shell. Whatever goes wrong, nothing is printed that a shell would take for a candidate. */
async function completeLine(state: RunState, root: RootCommand): Promise<number> {
  const { program, world } = state
  const { makeCollector, renderCompletions } = await import('./complete.ts')
  const text = await renderCompletions({
    root,
    words: world.argv.slice(1),
    world,
    dialect: program.personality.dialect,
    everywhere: program.personality.everywhere,
    async capture(argv) {
      const { stream, text } = makeCollector()
      const quiet: World = { ...world, argv, stdout: stream, stderr: makeCollector().stream }
      let code: number | undefined
      const work = dispatch({ ...state, world: quiet }).then(
        (ended) => (code = ended),
        () => (code = 1),
      )
      await waitAtMost(world.clock, work, completionLimitMs)
      return code === 0 ? text() : undefined
    },
  })
  world.stdout.write(text)
  return 0
}

async function runCommand(state: RunState, line: ParsedLine & { readonly kind: 'run' }): Promise<number> {
  const { program, world } = state
  state.globals = line.globals
  const tables = [...line.path.map((command) => command.flags), line.more]
  state.secrets = tables.flatMap((table) => secretsOf(table, line.flags, line.globals))
  for (const note of line.notes) world.stderr.write(`${note}\n`)
  if (line.command.load === undefined) throw new FlotillaError('internal', `command ${line.command.name} has no body`)
  refuseArguments(program.personality, line)
  const loaded = await line.command.load()
  const context = makeContext(state, line.path, line.globals)
  const code = await loaded.run(context, line.flags, line.args)
  return code ?? 0
}

function refuseArguments(
  { program }: Personality,
  { path, command, args }: ParsedLine & { readonly kind: 'run' },
): void {
  const most = command.maxArgs
  if (most === undefined || args.length <= most) return
  const steps = path.slice(1).map(({ name }) => name)
  const words = [program, ...steps].join(' ')
  // Errors of `flotilla` begin with its name.
  const subject = program === 'flotilla' ? steps.join(' ') : words
  const takes = most === 0 ? 'no arguments' : most === 1 ? 'at most one argument' : `at most ${String(most)} arguments`
  throw new FlotillaError('cli/usage', `${subject} takes ${takes}, got ${goQuote(args[most] ?? '')}`, {
    hint: `see '${words} --help'`,
  })
}

function secretsOf(table: FlagTable, ...values: readonly ParsedFlags[]): string[] {
  return (
    Object.entries(table)
      // Where a credential lies is none.
      .filter(([name, spec]) => spec.isSecret ?? (isSecretName(name) && !/(?:file|path)$/.test(name)))
      .flatMap(([name]) => values.map((flags) => flags[name]))
      .filter((value) => typeof value === 'string')
  )
}

function makeContext(state: RunState, path: readonly Command[], globals: ParsedFlags): Context {
  const { world, program, interrupts } = state
  return {
    argv: world.argv,
    helpPage: async () => (await import('./help.ts')).renderHelp(program.personality, path),
    // Opening stdin loads the network code of Node: only for commands that read it.
    get stdin() {
      return world.stdin
    },
    stdout: world.stdout,
    stderr: world.stderr,
    env: world.env,
    get cwd() {
      if (world.cwd === undefined) throw refuseDeletedFolder()
      return world.cwd
    },
    clock: world.clock,
    random: world.random,
    terminal: world.terminal,
    log: makeLog({ personality: program.personality, path, globals, world, secrets: state.secrets }),
    personality: program.personality,
    globals,
    signal: interrupts.signal,
    onInterrupt: (handler) => interrupts.onInterrupt(handler),
    onOtherSignal: (handler) => world.onOtherSignal?.(handler) ?? (() => {}),
    onUncaught(handler) {
      state.uncaughtClaims.push(handler)
      return () => {
        const index = state.uncaughtClaims.indexOf(handler)
        if (index >= 0) state.uncaughtClaims.splice(index, 1)
      }
    },
    plugins: world.plugins,
  }
}

function refuseDeletedFolder(): FlotillaError {
  return new FlotillaError('io/file', 'the current folder has been deleted', {
    hint: 'change to one that exists: one that was made anew under the same name has to be entered again',
  })
}

function finishWithError(state: RunState, error: unknown): number {
  const { program, world, interrupts } = state
  const { personality } = program
  const received = interrupts.received()
  const isCancelled = isFlotillaError(error) ? /^(?:cli\/cancelled|core\/aborted)$/.test(error.code) : isAbort(error)
  if (received !== undefined && isCancelled) {
    // The terminal has written ^C and left the cursor behind it.
    if (received === 'SIGINT' && world.terminal.isStderrTty && world.terminal.isStdinTty) world.stderr.write('\n')
    return interruptExitCode(personality, received)
  }
  const isDebug = state.globals?.['debug'] === true
  const isJson = personality.id === 'docker-compose' && state.globals?.['progress'] === 'json'
  world.stderr.write(renderError(error, { personality, isDebug, isJson, secrets: state.secrets }))
  if (isFlotillaError(error) && error.exitCode !== undefined) return error.exitCode
  return isCancelled ? 130 : 1
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function interruptExitCode(personality: Personality, name: SignalName): number {
  return name === 'SIGINT' || personality.termCountsAsInterrupt === true ? 130 : 143
}

function dialectOf(personality: Personality): Dialect {
  return personality.dialect === 'goflag' ? goflag : pflag
}

/**
 * The exit code once all output is out. Output that ends up nowhere is a failure: `config >file` on a full disk must
 * not look like success.
 */
async function afterOutput(world: World, code: number): Promise<number> {
  await new Promise<void>((resolve) => world.stdout.write('', () => resolve()))
  // Bun tells of a failed write on the turn after its callback, and of nothing before.
  await new Promise<void>((resolve) => setImmediate(resolve))
  return code
}

/**
 * A reader that went away (`… | head -1`) ends the program without a word. A log or progress that finds no room on a full
 * disk ends nothing: a manager goes on, and no `up` stops half-way because nobody can be told of it.
 */
function watchForBrokenPipe(world: World): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const stream of [world.stdout, world.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EPIPE') resolve()
        else if (stream === world.stdout) reject(cannotWrite(error))
      })
    }
  })
}

function cannotWrite(error: Error): FlotillaError {
  return new FlotillaError('cli/output', `cannot write the output: ${fileReason(error)}`, { cause: error })
}
