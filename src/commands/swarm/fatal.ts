import type { Context } from '../../cli/command.ts'
import { renderLogLine } from '../../cli/log-line.ts'
import { readFormat } from '../../cli/log.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { maskSecrets } from '../../core/mask.ts'

const logLevels: readonly unknown[] = ['debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic']

/** @throws {cluster/invalid-option} for a word that the ancestor's log library did not know */
export function checkLogLevel(ctx: Context): void {
  const level: unknown = ctx.globals['log-level']
  // logrus takes the words in any case.
  if (typeof level !== 'string' || logLevels.includes(level.toLowerCase())) return
  throw new FlotillaError('cluster/invalid-option', `not a valid logrus Level: ${JSON.stringify(level)}`)
}

/** Ends a daemon (`manage`, `join`): classicswarm logged what ended it on its standard output. @returns the exit code */
export function endDaemon(ctx: Context, error: unknown): number {
  const line = { nowMs: ctx.clock.nowMs(), level: 'fatal', message: toMessage(error) } as const
  ctx.stdout.write(renderLogLine(readFormat(ctx.globals), line))
  writeHint(ctx, error)
  return 1
}

/** Ends a command (`list`, `create`): its error came as a line of Go's standard logger. @returns the exit code */
export function endCommand(ctx: Context, error: unknown): number {
  ctx.stderr.write(renderGoLogLine(ctx.clock.nowMs(), maskSecrets(toMessage(error))))
  writeHint(ctx, error)
  return 1
}

function writeHint(ctx: Context, error: unknown): void {
  if (isFlotillaError(error) && error.hint !== undefined) ctx.stderr.write(`hint: ${maskSecrets(error.hint)}\n`)
}

/** A line as Go's standard logger wrote it, local time. */
function renderGoLogLine(nowMs: number, message: string): string {
  const at = new Date(nowMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = `${at.getFullYear()}/${two(at.getMonth() + 1)}/${two(at.getDate())}`
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${message}\n`
}
