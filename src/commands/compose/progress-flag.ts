import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'

const known = ['', 'auto', 'tty', 'plain', 'json', 'quiet', 'none']

/**
 * How progress is to be shown: `--progress`, else `COMPOSE_PROGRESS`. Nothing: as the terminal allows.
 *
 * @throws {cli/invalid-value} also for commands that show none, as in the reference program
 */
export function readProgress(ctx: Context): string | undefined {
  const flag = ctx.globals['progress']
  const asked = typeof flag === 'string' && flag !== '' ? flag : (ctx.env['COMPOSE_PROGRESS'] ?? '')
  if (!known.includes(asked)) {
    throw new FlotillaError('cli/invalid-value', `unsupported --progress value ${JSON.stringify(asked)}`)
  }
  return asked === '' || asked === 'auto' ? undefined : asked
}
