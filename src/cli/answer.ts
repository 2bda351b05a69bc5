import { FlotillaError } from '../core/errors.ts'
import type { FlagTable } from '../core/flag.ts'
import type { Command, Context } from './command.ts'
import { renderUsage, renderWords } from './help-docker.ts'
import { renderHelp } from './help.ts'
import type { ParsedLine } from './parse.ts'
import type { Personality } from './personality.ts'
import { renderError, stripControls } from './report.ts'
import type { World } from './world.ts'

export interface AnswerOptions {
  readonly personality: Personality
  readonly world: World
  readonly makeContext: (path: readonly Command[]) => Context
}

type Answerable = Exclude<ParsedLine, { readonly kind: 'run' | 'version' }>

/** Answers a command line that runs nothing: help, a wrong flag, an unknown command. Returns the exit code. */
export async function answer(line: Answerable, options: AnswerOptions): Promise<number> {
  const { world, personality } = options
  if (line.kind === 'help') {
    world.stdout.write(await renderPage(line.path, options))
    return 0
  }
  if (line.kind === 'unknown-command') return answerUnknownCommand(line, options)
  const report = { personality, isDebug: false, isJson: false, secrets: [] }
  if (line.error.code === 'cli/invalid-environment') {
    // The command line is not to blame: its help would only hide the message.
    world.stderr.write(renderError(line.error, report))
    return line.error.exitCode ?? personality.usageExitCode
  }
  if (personality.help === 'docker') {
    const usage = `${renderUsage(personality, line.path)}\n\nRun '${renderWords(personality, line.path)} --help' for more information`
    world.stderr.write(`${renderError(line.error, report)}\n${usage}\n`)
    return line.error.exitCode ?? personality.usageExitCode
  }
  world.stdout.write(`Incorrect Usage.\n\n${await renderPage(line.path, options)}`)
  world.stderr.write(renderError(line.error, report))
  return line.error.exitCode ?? personality.usageExitCode
}

async function renderPage(path: readonly Command[], options: AnswerOptions): Promise<string> {
  return renderHelp(options.personality, path, await findMoreFlags(path, options))
}

/** Flags of the driver named on the command line; the page without them beats no page. */
async function findMoreFlags(path: readonly Command[], options: AnswerOptions): Promise<FlagTable> {
  try {
    return (await path.at(-1)?.moreFlags?.(options.world.argv, options.makeContext(path))) ?? {}
  } catch (error) {
    if (error instanceof FlotillaError) return {}
    throw error
  }
}

function answerUnknownCommand(line: ParsedLine & { readonly kind: 'unknown-command' }, options: AnswerOptions): number {
  const { personality, world } = options
  const word = stripControls(line.word)
  const hint = line.near === undefined ? '' : `hint: did you mean "${line.near}"?\n`
  // Only the program itself has this of classic Swarm, which had no groups of commands.
  if (personality.id === 'swarm' && line.path.length === 1) {
    world.stdout.write(`No help topic for '${word}'\n`)
    world.stderr.write(hint)
    return personality.unknownCommandExitCode
  }
  const words = renderWords(personality, line.path)
  if (personality.id === 'docker-machine' || personality.id === 'swarm') {
    world.stderr.write(`${words}: '${word}' is not a ${words} command. See '${words} --help'.\n${hint}`)
    return personality.usageExitCode
  }
  if (personality.id === 'docker-compose') {
    world.stdout.write(renderHelp(personality, line.path))
    world.stderr.write(`unknown docker command: "${words.replace(/^docker /, '')} ${word}"\n${hint}`)
    return personality.unknownCommandExitCode
  }
  world.stderr.write(`${words}: "${word}" is not a command, see '${words} --help'\n${hint}`)
  return personality.unknownCommandExitCode
}
