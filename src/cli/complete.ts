import { Writable } from 'node:stream'
import type { CompletionKind, FlagSpec, FlagTable } from '../core/flag.ts'
import type { Command } from './command.ts'
import { listNames, toNameKind } from './complete-names.ts'
import { bareValue, makeFlagLookup } from './dialects/dialect.ts'
import type { FlagLookup } from './dialects/dialect.ts'
import { pickEverywhere } from './everywhere.ts'
import { findCommand, helpFlag } from './parse.ts'
import type { RootCommand } from './parse.ts'
import type { World } from './world.ts'

/** What stands on the command line and who can be asked for names. */
export interface CompleteOptions {
  readonly root: RootCommand
  /** Words after the program; the last one is being typed and may be empty. */
  readonly words: readonly string[]
  readonly world: World
  /** Names of globals that every command takes too. */
  readonly everywhere: readonly string[]
  /** goflag accepts one dash before long names. */
  readonly dialect: 'goflag' | 'pflag'
  /** Runs a command line of this program quietly and returns what it printed; undefined when it failed. */
  readonly capture: (argv: readonly string[]) => Promise<string | undefined>
}

interface Candidate {
  readonly value: string
  readonly brief?: string
}

/** What the shell offers besides the candidates. */
type Fallback = 'none' | 'files' | 'yaml-files' | 'folders'

interface Candidates {
  readonly list: readonly Candidate[]
  readonly fallback: Fallback
  /** The word goes on behind a candidate: no blank after it. */
  readonly isOpen?: boolean
}

const nothing: Candidates = { list: [], fallback: 'none' }

/** What cobra programs tell a shell: 2 no blank, 4 no file names, 8 files that end so, 16 folders (cobra ShellCompDirective). */
const directives: Readonly<Record<Fallback, number>> = { files: 0, none: 4, 'yaml-files': 8, folders: 16 }
const noBlank = 2

/**
 * The answer to `__complete`: a candidate a line, a tab and its text after it, and last a number that says what the shell
 * is to do besides. With 8 the lines are the ends of names in place of candidates.
 */
export async function renderCompletions(options: CompleteOptions): Promise<string> {
  const current = options.words.at(-1) ?? ''
  const { list, fallback, isOpen = false } = await findCandidates(options)
  const directive = `:${String(directives[fallback] + (isOpen ? noBlank : 0))}`
  if (fallback === 'yaml-files') return `yaml\nyml\n${directive}\n`
  const lines = list
    .filter((candidate) => candidate.value.startsWith(current))
    .map(({ value, brief }) => (brief === undefined ? value : `${value}\t${brief}`))
  return `${[...lines, directive].join('\n')}\n`
}

interface Position {
  /** Commands from the root to the one whose words are being typed. */
  readonly path: readonly Command[]
  /** For each command of the path: the words that lead to it and the flags after it, before the word of the next. */
  readonly leads: readonly (readonly string[])[]
  readonly flags: FlagLookup
  readonly args: readonly string[]
  /** The word before is this flag and takes a value. */
  readonly openFlag: FlagSpec | undefined
  /** No flag can follow: `--` was typed, or the command hands its arguments on. */
  readonly isOver: boolean
}

async function findCandidates(options: CompleteOptions): Promise<Candidates> {
  const current = options.words.at(-1) ?? ''
  const position = findPosition(options)
  if (position.openFlag !== undefined) return completeValue(position.openFlag, '', position, options)
  const command = position.path.at(-1) as Command
  const equals = /^--?([^=-][^=]*)=/.exec(current)
  if (equals !== null && !position.isOver) {
    const entry = position.flags.byLong(equals[1] ?? '') ?? position.flags.byShort(equals[1] ?? '')
    return entry === undefined ? nothing : completeValue(entry[1], equals[0], position, options)
  }
  if (current.startsWith('-') && !position.isOver) return { list: listFlags(position.flags), fallback: 'none' }
  if (command.commands !== undefined) return { list: listCommands(command.commands), fallback: 'none' }
  return completeArgument(command, position, options)
}

function findPosition(options: CompleteOptions): Position {
  const path: Command[] = [options.root]
  const leads: (readonly string[])[] = []
  let flags = lookUp(options.root)
  let args: string[] = []
  let openFlag: FlagSpec | undefined
  let isOver = false
  const before = options.words.slice(0, -1)
  for (const [index, word] of before.entries()) {
    if (openFlag !== undefined) {
      openFlag = undefined
    } else if (word === '--') {
      isOver = true
    } else if (word.startsWith('-') && word !== '-' && !isOver) {
      openFlag = findOpenFlag(word, flags, options.dialect)
    } else {
      const next = findCommand(path.at(-1)?.commands ?? [], word)
      if (next === undefined) {
        args.push(word)
        if (path.at(-1)?.stopsAtArgument === true) isOver = true
      } else {
        path.push(next)
        leads.push(before.slice(0, index))
        flags = lookUp(next, pickEverywhere(path, options.everywhere, next.flags))
        args = []
      }
    }
  }
  leads.push(openFlag === undefined ? before : before.slice(0, -1))
  return { path, leads, flags, args, openFlag, isOver }
}

function lookUp(command: Command, everywhere: FlagTable = {}): FlagLookup {
  return makeFlagLookup(command.flags, { ...everywhere, ...helpFlag })
}

/** The flag that a word names when its value is the next word. */
function findOpenFlag(word: string, flags: FlagLookup, dialect: string): FlagSpec | undefined {
  if (word.includes('=')) return undefined
  const isLong = word.startsWith('--') || dialect === 'goflag'
  const name = word.replace(/^--?/, '')
  // In a group of letters only the last one can wait for its value.
  const entry = isLong ? (flags.byLong(name) ?? flags.byShort(name)) : flags.byShort(name.slice(-1))
  return entry === undefined || bareValue(entry[1]) !== undefined ? undefined : entry[1]
}

function listFlags(flags: FlagLookup): Candidate[] {
  return flags.longNames.map((name) => ({ value: `--${name}`, brief: flags.byLong(name)?.[1].brief ?? '' }))
}

function listCommands(commands: readonly Command[]): Candidate[] {
  const shown = commands.filter((command) => command.hidden !== true)
  return [
    ...shown.map(({ name, brief }) => ({ value: name, brief })),
    { value: 'help', brief: 'Print the page of a command' },
  ]
}

async function completeValue(
  spec: FlagSpec,
  prefix: string,
  position: Position,
  options: CompleteOptions,
): Promise<Candidates> {
  const kind = spec.choices ?? spec.complete ?? (spec.kind === 'string' || spec.kind === 'strings' ? 'file' : [])
  const found = await completeKind(kind, position, options)
  return { ...found, list: found.list.map((candidate) => ({ ...candidate, value: prefix + candidate.value })) }
}

async function completeArgument(command: Command, position: Position, options: CompleteOptions): Promise<Candidates> {
  const specs = command.args
  const last = specs.at(-1)
  const spec = specs[position.args.length] ?? (last?.name.includes('...') === true ? last : undefined)
  if (spec?.complete === undefined) return spec === undefined ? nothing : { list: [], fallback: 'files' }
  const found = await completeKind(spec.complete, position, options)
  // A name that stands there already is not offered again.
  const isTaken = ({ value }: Candidate): boolean =>
    position.args.some((arg) => arg === value || (found.isOpen === true && arg.startsWith(value)))
  return { ...found, list: found.list.filter((candidate) => !isTaken(candidate)) }
}

async function completeKind(kind: CompletionKind, position: Position, options: CompleteOptions): Promise<Candidates> {
  if (typeof kind !== 'string') return { list: kind.map((value) => ({ value })), fallback: 'none' }
  if (kind === 'none') return nothing
  if (kind === 'file') return { list: [], fallback: 'files' }
  if (kind === 'yaml-file') return { list: [], fallback: 'yaml-files' }
  if (kind === 'folder') return { list: [], fallback: 'folders' }
  if (kind === 'shell') return { list: ['bash', 'zsh', 'fish'].map((value) => ({ value })), fallback: 'none' }
  if (kind === 'driver') {
    return { list: options.world.plugins.names('driver').map((value) => ({ value })), fallback: 'none' }
  }
  const names = await listNames(toNameKind(kind), (words) => {
    // Globals before the command word (which store, which file, which engine) stay.
    const level = position.path.findLastIndex(
      (command) => findCommand(command.commands ?? [], words.command) !== undefined,
    )
    return options.capture([...(position.leads[level] ?? []), ...words.globals, words.command, ...words.args])
  })
  if (kind === 'scale') return { list: names.map((name) => ({ value: `${name}=` })), fallback: 'none', isOpen: true }
  if (kind === 'copy') return { list: names.map((name) => ({ value: `${name}:` })), fallback: 'files', isOpen: true }
  return { list: names.map((value) => ({ value })), fallback: 'none' }
}

/** A stream that keeps what is written to it, up to a megabyte. */
export function makeCollector(): { readonly stream: Writable; readonly text: () => string } {
  const pieces: string[] = []
  let length = 0
  const stream = new Writable({
    decodeStrings: false,
    write(piece: Buffer | string, _encoding, done) {
      length += piece.length
      if (length < 1_000_000) pieces.push(piece.toString())
      done()
    },
  })
  return { stream, text: () => pieces.join('') }
}
