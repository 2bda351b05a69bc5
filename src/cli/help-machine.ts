import { goQuote } from '../core/goquote.ts'
import type { FlagSpec, FlagTable } from '../core/flag.ts'
import type { Command } from './command.ts'
import { fillProgram } from './help-text.ts'
import type { Personality } from './personality.ts'

const builtIn: FlagTable = { help: { kind: 'boolean', short: 'h', brief: 'Print this page' } }
const version: FlagTable = { version: { kind: 'boolean', short: 'v', brief: 'Print the version' } }
const helpCommand: readonly [string, string] = ['help', 'Print this page, or that of a command']

/** Help as docker-machine and classic Swarm print it. */
export function renderMachineHelp(personality: Personality, path: readonly Command[], more: FlagTable): string {
  const command = path.at(-1) as Command
  return path.length === 1 ? renderProgram(personality, command) : renderCommand(personality, path, command, more)
}

function renderProgram(personality: Personality, root: Command): string {
  const isSwarm = personality.help === 'swarm'
  const commands = (root.commands ?? []).filter((command) => command.hidden !== true)
  const rows: (readonly [string, string])[] = commands.map((command) => [
    isSwarm ? [command.name, ...(command.aliases ?? [])].join(', ') : command.name,
    command.brief,
  ])
  if (!commands.some((command) => command.name === 'help')) {
    rows.push([isSwarm ? 'help, h' : 'help', helpCommand[1]])
  }
  return [
    `Usage: ${personality.program} [OPTIONS] COMMAND [arg...]`,
    '',
    personality.purpose,
    '',
    `Version: ${personality.version}`,
    '',
    ...(isSwarm ? [] : ['Author:', '  The Flotilla authors', '']),
    'Options:',
    ...renderFlags({ ...root.flags, ...builtIn, ...version }),
    '',
    'Commands:',
    ...renderRows(rows),
    '',
    `Run '${personality.program} COMMAND --help' for more information on a command.`,
    '',
  ].join('\n')
}

function renderCommand(personality: Personality, path: readonly Command[], command: Command, more: FlagTable): string {
  const flags = Object.entries({ ...command.flags, ...more }).filter(([, spec]) => spec.hidden !== true)
  const sorted = Object.fromEntries(Object.keys(more).length === 0 ? flags : flags.sort(byName))
  const words = [personality.program, ...path.slice(1).map((step) => step.name)].join(' ')
  const below = command.commands?.filter((each) => each.hidden !== true) ?? []
  const none = below.length > 0 ? ' COMMAND [arg...]' : personality.help === 'swarm' ? '' : ' [arg...]'
  const args = command.args.length === 0 ? none : ` ${command.args.map((arg) => arg.name).join(' ')}`
  const lines = [`Usage: ${words}${flags.length > 0 ? ' [OPTIONS]' : ''}${args}`, '', command.brief]
  if (command.description !== undefined) {
    const text = fillProgram(command.description, personality.program).split('\n')
    const indented = text.map((line) => (line === '' ? '' : `   ${line}`))
    lines.push('', ...(personality.help === 'machine' ? ['Description:', ...indented] : text))
  }
  if (flags.length > 0) lines.push('', 'Options:', '', ...renderFlags(sorted).map((line) => ` ${line}`))
  if (command.afterFlags !== undefined) lines.push(command.afterFlags)
  if (below.length > 0)
    lines.push('', 'Commands:', ...renderRows(below.map(({ name, brief }) => [name, brief] as const)))
  return [...lines, ''].join('\n')
}

function byName(a: readonly [string, FlagSpec], b: readonly [string, FlagSpec]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0
}

function renderFlags(table: FlagTable): string[] {
  const shown = Object.entries(table).filter(([, spec]) => spec.hidden !== true)
  return renderRows(shown.map(([name, spec]) => [renderFlag(name, spec), renderText(spec)] as const))
}

// docker-machine: `--name, -x "default"`, lists as `--f [--f option --f option]`.
function renderFlag(name: string, spec: FlagSpec): string {
  const spelling = [`--${name}`, ...(spec.aliases ?? []).map((alias) => `--${alias}`)]
  if (spec.short !== undefined) spelling.push(`-${spec.short}`)
  const names = spelling.join(', ')
  if (spec.kind === 'boolean') return names
  if (spec.kind === 'strings') return `${names} [--${name} option --${name} option]`
  const value = spec.default
  if (value === undefined || value === '') return names
  return `${names} ${goQuote(String(value))}`
}

function renderText(spec: FlagSpec): string {
  const env = (spec.env ?? []).map((name) => `$${name}`).join(', ')
  const text = `${spec.brief}${renderListDefault(spec)}`
  return env === '' ? text : `${text} [${env}]`
}

// The names of a list flag leave no room for it.
function renderListDefault({ kind, default: value }: FlagSpec): string {
  return kind === 'strings' && Array.isArray(value) && value.length > 0 ? ` (default ${value.join(', ')})` : ''
}

function renderRows(rows: readonly (readonly [string, string])[]): string[] {
  // One overlong entry (a list flag) must not push all texts to the right edge.
  const width = Math.max(0, ...rows.map(([left]) => left.length).filter((length) => length <= 60))
  return rows.map(([left, text]) => `  ${left.padEnd(width)}  ${text}`.trimEnd())
}
