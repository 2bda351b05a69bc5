import type { Readable, Writable } from 'node:stream'
import type { Clock, Random } from '../core/clock.ts'
import type { CompletionKind, FlagTable, FlagValues } from '../core/flag.ts'
import type { Log } from '../core/log.ts'
import type { Registry } from '../plugin/registry.ts'
import type { Terminal } from '../ui/terminal.ts'
import type { Personality } from './personality.ts'

/** One positional argument, for help and completion; counting and errors are the command's own but for `maxArgs`. */
export interface ArgSpec {
  /** As it stands in the usage line, for instance `NAME` or `[SERVICE...]`. */
  readonly name: string
  /** What completion offers; files when it is not given. */
  readonly complete?: CompletionKind
}

/**
 * A command as data. The table that holds it is loaded at start-up and must stay cheap: no imports but
 * types. `load` brings in the implementation.
 */
export interface Command<F extends FlagTable = FlagTable> {
  readonly name: string
  readonly aliases?: readonly string[]
  /** One line in the list of commands. */
  readonly brief: string
  /** Longer text under the usage line of the command's own help; `{program}` stands for the words before the command. */
  readonly description?: string
  /** Lines right behind the list of flags in the command's own help: what one of them takes. */
  readonly afterFlags?: string
  readonly hidden?: boolean
  readonly flags: F
  readonly args: readonly ArgSpec[]
  /** More arguments are refused before it is loaded. Not for commands of ancestors that passed over them. */
  readonly maxArgs?: number
  /** Stop reading flags at the first argument (exec, run, ssh). */
  readonly stopsAtArgument?: boolean
  /** Flags known only after a look at the command line (those of the chosen driver). */
  readonly moreFlags?: (argv: readonly string[], ctx: Context) => Promise<FlagTable>
  /** Sub-commands; a command with these has no `load`. */
  readonly commands?: readonly Command[]
  /** What `--version` prints for a group that is a program of its own elsewhere. */
  readonly versionText?: string
  /** The log of the commands below is bare lines, information on stdout, as docker-machine's. */
  readonly hasPlainLog?: boolean
  readonly load?: () => Promise<{ readonly run: Run<F> }>
}

/** @returns the exit code; nothing means 0 */
export type Run<F extends FlagTable = FlagTable> = (
  ctx: Context,
  flags: FlagValues<F>,
  args: readonly string[],
) => Promise<number | void>

/**
 * Checks that what `load` brings in takes exactly the flags of the table, then forgets the exact type so
 * that commands of all kinds fit in one list.
 *
 * @example
 * // table.ts
 * export const lsFlags = { quiet: { kind: 'boolean', short: 'q', brief: 'Only names' } } as const
 * export const ls: Command = defineCommand({ name: 'ls', brief: '…', flags: lsFlags, args: [], load: () => import('./ls.ts') })
 * // ls.ts (no `satisfies` in the table: isolatedDeclarations cannot name its type; this function checks it)
 * export const run: Run<typeof lsFlags> = async (ctx, flags) => { … flags.quiet … }
 */
export function defineCommand<const F extends FlagTable>(command: Command<F>): Command {
  return command as unknown as Command
}

/** All of the outside world a command may touch. */
export interface Context {
  /** The command line as typed, without the program. */
  readonly argv: readonly string[]
  /** The help page of the running command, for errors that show it. */
  readonly helpPage: () => Promise<string>
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. Throws {io/file} where the folder has been deleted: read it only where a relative path is to be resolved. */
  readonly cwd: string
  readonly clock: Clock
  readonly random: Random
  readonly terminal: Terminal
  readonly log: Log
  readonly personality: Personality
  /** Flags given before the command word. */
  readonly globals: FlagValues<FlagTable> & Readonly<Record<string, unknown>>
  /** Aborted on the first SIGINT or SIGTERM that no handler has claimed. */
  readonly signal: AbortSignal
  /**
   * Claims SIGINT and SIGTERM: while the handler is registered `signal` is not aborted by them.
   * @returns gives the claim back
   */
  onInterrupt(handler: (name: 'SIGINT' | 'SIGTERM', count: number) => void): () => void
  /**
   * Claims signals that have no meaning for the program itself: a container gets them.
   * @returns gives the claim back
   */
  onOtherSignal?(handler: (name: string) => void): () => void
  /**
   * Claims errors that nobody caught, which otherwise end the program: a daemon logs them and goes on.
   * @returns gives the claim back
   */
  onUncaught?(handler: (error: unknown) => void): () => void
  readonly plugins: Registry
}
