import type { Context } from '../../cli/command.ts'
import { isLogLevel } from '../../cli/log.ts'
import { FlotillaError } from '../../core/errors.ts'

/** @throws {cli/invalid-value} in the words of the reference program, as for commands that log nothing too */
export function checkLogLevel(ctx: Context): void {
  const named = ctx.globals['log-level']
  if (typeof named !== 'string' || named === '' || isLogLevel(named)) return
  throw new FlotillaError('cli/invalid-value', `Unable to parse logging level: ${named}`)
}
