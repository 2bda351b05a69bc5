import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'

/** The levels of sirupsen/logrus, in any case. */
const level = /^(?:panic|fatal|error|warn|warning|info|debug|trace)$/i

/** @throws {cli/invalid-value} in the words of the reference program, as for commands that log nothing too */
export function checkLogLevel(ctx: Context): void {
  const named = ctx.globals['log-level']
  if (typeof named !== 'string' || named === '' || level.test(named)) return
  throw new FlotillaError('cli/invalid-value', `Unable to parse logging level: ${named}`)
}
