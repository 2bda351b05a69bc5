import type { Writable } from 'node:stream'
import type { Log, LogFields } from '../core/log.ts'
import { maskSecrets } from '../core/mask.ts'
import type { Command } from './command.ts'
import type { ParsedFlags } from './flag-values.ts'
import { renderFields, renderJsonWarning, renderLogLine } from './log-line.ts'
import type { LogFormat } from './log-line.ts'
import type { Personality } from './personality.ts'
import type { World } from './world.ts'

export interface LogOptions {
  readonly personality: Personality
  /** From the program to the running command. */
  readonly path: readonly Command[]
  readonly globals: ParsedFlags
  readonly world: World
  /** Values that must not appear: those of secret flags. */
  readonly secrets?: readonly string[]
}

type Level = 'debug' | 'info' | 'warn' | 'error'

const ranks: Readonly<Record<string, number>> = {
  trace: 0,
  debug: 0,
  info: 1,
  warn: 2,
  warning: 2,
  error: 3,
  fatal: 4,
  panic: 4,
}

/** The words of sirupsen/logrus, in any case. */
export function isLogLevel(word: string): boolean {
  return Object.hasOwn(ranks, word.toLowerCase())
}

/**
 * The log of a command in the form its ancestor had: bare lines for docker-machine (information on stdout,
 * except where stdout is evaluated by a shell), `time="…" level=… msg="…"` for Swarm and Compose.
 */
export function makeLog(options: LogOptions): Log {
  const { globals, path, personality, secrets = [] } = options
  const named = globals['log-level']
  const floor = globals['debug'] === true ? 0 : (ranks[typeof named === 'string' ? named.toLowerCase() : 'info'] ?? 1)
  const isPlain = personality.id === 'docker-machine' || path.some((command) => command.hasPlainLog === true)
  const write = isPlain ? writePlain(options) : writeStructured(options)
  const at =
    (level: Level) =>
    (message: string, fields?: LogFields): void => {
      if ((ranks[level] ?? 0) >= floor)
        write(level, secrets.length === 0 ? message : maskSecrets(message, secrets), fields)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

type Write = (level: Level, message: string, fields: LogFields | undefined) => void

/** docker-machine: the output of these is handed to `eval`, or to whatever else a script does with an address or a state. */
const evaluated = new Set('env config active doctor exec inspect ip scp ssh status url version'.split(' '))

function writePlain({ world, path }: LogOptions): Write {
  const isEvaluated = evaluated.has(path.at(-1)?.name ?? '')
  return (level, message, fields) => {
    const isOut = (level === 'info' || level === 'warn') && !isEvaluated
    const stream: Writable = isOut ? world.stdout : world.stderr
    stream.write(`${maskSecrets(message)}${renderFields(fields)}\n`)
  }
}

function writeStructured({ world, personality, globals }: LogOptions): Write {
  const isCompose = personality.id === 'docker-compose'
  const isServer = personality.id === 'swarm'
  const format = readFormat(globals)
  // Whoever reads progress as JSON reads every line of stderr so, as with docker-compose 2.40.
  const isJson = isCompose && globals['progress'] === 'json'
  return (level, message, fields) => {
    if (isJson) {
      world.stderr.write(renderJsonWarning({ nowMs: world.clock.nowMs(), level, message, fields }))
      return
    }
    if (world.terminal.isStderrTty && personality.id !== 'swarm' && format === 'legacy') {
      const label = level === 'warn' ? 'WARN' : level.toUpperCase().slice(0, 4)
      world.stderr.write(`${label}${isCompose ? '[0000]' : ''} ${maskSecrets(message)}${renderFields(fields)}\n`)
      return
    }
    const line = renderLogLine(format, { nowMs: world.clock.nowMs(), level, message, fields })
    if (isServer && level === 'info') gather(world.stderr)
    world.stderr.write(line)
    if (level === 'warn' || level === 'error') release(world.stderr)
  }
}

/** Streams whose lines wait for the end of this turn. */
const gathered = new WeakSet<Writable>()

/**
 * What a server says in one turn goes out in one write: a thousand engines that come in are a thousand lines, and each
 * write to a pipe wakes its reader. The stream itself holds the lines, so that whoever waits for it waits for them.
 */
function gather(stream: Writable): void {
  if (gathered.has(stream)) return
  gathered.add(stream)
  stream.cork()
  setImmediate(() => release(stream))
}

/** Warnings and errors may be the last words of a program: they do not wait, nor does what stands before them. */
function release(stream: Writable): void {
  if (gathered.delete(stream)) stream.uncork()
}

/** The format that the command line asks for. */
export function readFormat(globals: Readonly<Record<string, unknown>>): LogFormat {
  const named = globals['log-format']
  return named === 'json' || named === 'text' ? named : 'legacy'
}
