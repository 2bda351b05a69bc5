import { goQuote } from '../core/goquote.ts'
import type { FlagSpec, FlagTable } from '../core/flag.ts'
import type { Command } from './command.ts'
import { programName } from './personality.ts'
import { pickEverywhere } from './everywhere.ts'
import { fillProgram } from './help-text.ts'
import type { Personality } from './personality.ts'

/** Help as `docker compose` prints it; `flotilla` uses the same layout. */
export function renderDockerHelp(personality: Personality, path: readonly Command[], more: FlagTable): string {
  const command = path.at(-1) as Command
  const lines = ['', renderUsage(personality, path), '', path.length === 1 ? personality.purpose : command.brief]
  if (path.length > 1 && command.description !== undefined)
    lines.push('', fillProgram(command.description, renderWords(personality, path.slice(0, -1))))
  if (path.length > 1 && (command.aliases?.length ?? 0) > 0) {
    const parent = renderWords(personality, path.slice(0, -1))
    const names = [command.name, ...(command.aliases ?? [])].map((name) => `${parent} ${name}`)
    lines.push('', 'Aliases:', `  ${names.join(', ')}`)
  }
  const own = { ...command.flags, ...more }
  const listed = { ...pickEverywhere(path, personality.everywhere, own), ...own }
  const flags = Object.entries(listed).filter(([, spec]) => spec.hidden !== true)
  if (flags.length > 0) lines.push('', 'Options:', ...renderFlags(flags))
  if (command.afterFlags !== undefined) lines.push(command.afterFlags)
  if (command.commands !== undefined) {
    const shown = command.commands.filter((entry) => entry.hidden !== true)
    const width = Math.max(0, ...shown.map((entry) => entry.name.length))
    lines.push('', 'Commands:', ...shown.map((entry) => `  ${entry.name.padEnd(width)}   ${entry.brief}`))
    lines.push('', `Run '${renderWords(personality, path)} COMMAND --help' for more information on a command.`)
  }
  return [...lines, ''].join('\n')
}

/** The usage line: `Usage:  docker compose ps [OPTIONS] [SERVICE...]`. */
export function renderUsage(personality: Personality, path: readonly Command[]): string {
  const command = path.at(-1) as Command
  const parts = [renderWords(personality, path)]
  if (Object.values(command.flags).some((spec) => spec.hidden !== true)) parts.push('[OPTIONS]')
  parts.push(...(command.commands === undefined ? command.args.map((arg) => arg.name) : ['COMMAND']))
  return `Usage:  ${parts.join(' ')}`
}

/** Program and command words: `docker compose ps`. */
export function renderWords(personality: Personality, path: readonly Command[]): string {
  return [programName(personality), ...path.slice(1).map((step) => step.name)].join(' ')
}

function renderFlags(flags: readonly (readonly [string, FlagSpec])[]): string[] {
  const rows = [...flags]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => [renderFlag(name, spec), spec] as const)
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, spec]) => `${left.padEnd(width)}   ${renderText(spec)}`)
}

function renderFlag(name: string, spec: FlagSpec): string {
  const short = spec.short === undefined ? '      ' : `  -${spec.short}, `
  const type = spec.placeholder ?? typeNames[spec.kind]
  return `${short}--${name}${type === '' ? '' : ` ${type}`}`
}

const typeNames: Readonly<Record<FlagSpec['kind'], string>> = {
  boolean: '',
  string: 'string',
  strings: 'stringArray',
  integer: 'int',
  number: 'float',
}

function renderText(spec: FlagSpec): string {
  const value = spec.default
  if (value === undefined || value === false || value === '' || Array.isArray(value)) return spec.brief
  return `${spec.brief} (default ${typeof value === 'string' ? goQuote(value) : String(value)})`
}
