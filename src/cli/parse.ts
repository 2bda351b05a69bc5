import { pickEverywhere } from './everywhere.ts'
import { isFlotillaError } from '../core/errors.ts'
import type { FlotillaError } from '../core/errors.ts'
import type { FlagTable } from '../core/flag.ts'
import { findNearest } from '../core/suggest.ts'
import type { Command } from './command.ts'
import { makeFlagLookup } from './dialects/dialect.ts'
import type { Dialect, FlagUse, Scan } from './dialects/dialect.ts'
import { collectFlagValues, mergeFlagValues } from './flag-values.ts'
import type { ParsedFlags } from './flag-values.ts'

/** A program as one command whose sub-commands are its commands and whose flags are its globals. */
export type RootCommand = Command & { readonly commands: readonly Command[] }

/** What a command line asks for. */
export type ParsedLine =
  | {
      readonly kind: 'run'
      readonly path: readonly Command[]
      readonly command: Command
      readonly flags: ParsedFlags
      /** Flags of the command that its table does not have: those of the chosen driver. */
      readonly more: FlagTable
      readonly globals: ParsedFlags
      readonly args: readonly string[]
      readonly notes: readonly string[]
    }
  | { readonly kind: 'help'; readonly path: readonly Command[] }
  | { readonly kind: 'version'; readonly path: readonly Command[] }
  | {
      readonly kind: 'unknown-command'
      readonly path: readonly Command[]
      readonly word: string
      readonly near?: string
    }
  | {
      readonly kind: 'wrong'
      readonly path: readonly Command[]
      readonly error: FlotillaError
    }

export interface ParseOptions {
  readonly dialect: Dialect
  readonly env: Readonly<Record<string, string | undefined>>
  /** `-v` stands for `--version` of the program, and of groups with a version, unless a flag of theirs takes it. */
  readonly versionFlag: FlagTable
  /** Globals that may also follow the command word. */
  readonly everywhere: readonly string[]
  /** Command words that ask for help unless a command is called so. */
  readonly helpWords: readonly string[]
  /** Flags known only after a look at the rest of the line. */
  readonly findMoreFlags: (
    path: readonly Command[],
    argv: readonly string[],
    globals: ParsedFlags,
  ) => Promise<FlagTable>
}

/** The flag every command has. */
export const helpFlag: FlagTable = { help: { kind: 'boolean', short: 'h', brief: 'Show help' } }

/** Flags before the first command word come first, then those of each group, then those of the command itself. */
export async function parseCommandLine(
  root: RootCommand,
  argv: readonly string[],
  options: ParseOptions,
): Promise<ParsedLine> {
  const path: Command[] = [root]
  try {
    return await descend(path, argv, options)
  } catch (error) {
    // Only what the user typed is turned into a value; a failing plug-in look-up stays an error.
    if (isFlotillaError(error) && error.code.startsWith('cli/')) return { kind: 'wrong', path, error }
    throw error
  }
}

async function descend(path: Command[], argv: readonly string[], options: ParseOptions): Promise<ParsedLine> {
  let rest = argv
  let globals = collectFlagValues({}, [], {}, options.dialect)
  const notes: string[] = []
  for (;;) {
    const group = path.at(-1) as Command
    const hasVersion = path.length === 1 || group.versionText !== undefined
    const builtIn = hasVersion ? { ...helpFlag, ...options.versionFlag } : helpFlag
    const scan = options.dialect.scan(rest, makeFlagLookup(group.flags, builtIn), false)
    if (hasVersion && has(scan, 'version')) return { kind: 'version', path }
    globals = mergeFlagValues(globals, collectFlagValues(group.flags, scan.uses, options.env, options.dialect))
    notes.push(...deprecations(scan.uses))
    const [word, ...after] = scan.args
    if (word === undefined) return { kind: 'help', path }
    if (has(scan, 'help')) {
      return { kind: 'help', path: options.dialect.hasHelpOfCommand ? followWords(path, scan.args) : path }
    }
    const command = findCommand(group.commands ?? [], word)
    if (command === undefined) {
      if (options.helpWords.includes(word)) return findHelpTopic(path, after)
      return unknownCommand(path, word)
    }
    path.push(command)
    rest = after
    if (command.commands === undefined) return parseLeaf(path, rest, { globals, notes }, options)
  }
}

async function parseLeaf(
  path: readonly Command[],
  argv: readonly string[],
  { globals, notes: outerNotes }: Outer,
  options: ParseOptions,
): Promise<ParsedLine> {
  const command = path.at(-1) as Command
  // A page of help must not fail because the driver named on the line does not exist.
  if (command.moreFlags !== undefined && asksForHelp(argv)) return { kind: 'help', path }
  const more = command.moreFlags === undefined ? {} : await options.findMoreFlags(path, argv, globals)
  const table = { ...command.flags, ...more }
  const everywhere = pickEverywhere(path, options.everywhere, table)
  const lookup = makeFlagLookup(table, { ...everywhere, ...helpFlag })
  const scan = options.dialect.scan(argv, lookup, command.stopsAtArgument !== true)
  if (has(scan, 'help') && table['help'] === undefined) return { kind: 'help', path }
  const own = scan.uses.filter((use) => everywhere[use.name] === undefined)
  const late = scan.uses.filter((use) => everywhere[use.name] !== undefined)
  return {
    kind: 'run',
    path,
    command,
    flags: collectFlagValues(table, own, options.env, options.dialect),
    more,
    globals: mergeFlagValues(globals, collectFlagValues({}, late, {}, options.dialect)),
    args: scan.args,
    notes: [...outerNotes, ...deprecations(own)],
  }
}

/** What the levels before the command have given. */
interface Outer {
  readonly globals: ParsedFlags
  readonly notes: readonly string[]
}

function deprecations(uses: readonly FlagUse[]): readonly string[] {
  return [...new Set(uses.flatMap(({ spec }) => (spec.deprecated === undefined ? [] : [spec.deprecated])))]
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).some((word) => /^(?:--?help|-h)$/.test(word))
}

function has(scan: Scan, name: string): boolean {
  return scan.uses.some((use) => use.name === name && use.value === 'true')
}

/** Finds a command by its name or an alias. */
export function findCommand(commands: readonly Command[], word: string): Command | undefined {
  return commands.find((command) => command.name === word || command.aliases?.includes(word) === true)
}

/** `help a b` shows the page that `a b --help` shows. */
function findHelpTopic(path: readonly Command[], words: readonly string[]): ParsedLine {
  const topic = followWords(path, words)
  const unknown = words[topic.length - path.length]
  return unknown === undefined ? { kind: 'help', path: topic } : unknownCommand(topic, unknown)
}

/** The command that words name, as far as they name one. */
function followWords(path: readonly Command[], words: readonly string[]): readonly Command[] {
  let topic = path
  for (const word of words) {
    const command = findCommand(topic.at(-1)?.commands ?? [], word)
    if (command === undefined) return topic
    topic = [...topic, command]
  }
  return topic
}

function unknownCommand(path: readonly Command[], word: string): ParsedLine {
  const commands = (path.at(-1)?.commands ?? []).filter((command) => command.hidden !== true)
  const near = findNearest(
    word,
    commands.map((command) => command.name),
  )
  return { kind: 'unknown-command', path, word, ...(near === undefined ? {} : { near }) }
}
