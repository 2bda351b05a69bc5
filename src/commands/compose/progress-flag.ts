import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { StepsMode } from '../../ui/build-steps.ts'
import { composeEnv } from './compose-env.ts'

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
  const ansi = readAnsi(ctx)
  if (asked === 'tty' && ansi === 'never') throw contradiction(asked, 'disabled')
  if (asked === 'plain' && ansi === 'always') throw contradiction(asked, 'forced')
  return asked === '' || asked === 'auto' ? undefined : asked
}

/** The names BuildKit has for it (moby/buildkit util/progress/progressui). */
const buildModes: Readonly<Record<string, StepsMode | 'tty' | undefined>> = {
  auto: undefined,
  plain: 'plain',
  quiet: 'quiet',
  rawjson: 'json',
  tty: 'tty',
}

/**
 * How the steps of builds are to be shown: `BUILDKIT_PROGRESS`, where nothing else says how progress is shown. Nothing:
 * as all else.
 *
 * @throws {cli/invalid-value} for a name BuildKit does not know, and for a picture where there is no terminal
 */
export function readBuildProgress(ctx: Context): StepsMode | undefined {
  const asked = ctx.env['BUILDKIT_PROGRESS'] ?? ''
  if (asked === '' || readProgress(ctx) !== undefined || (readAnsi(ctx) ?? 'auto') !== 'auto') return undefined
  if (!Object.hasOwn(buildModes, asked)) {
    throw new FlotillaError('cli/invalid-value', `invalid progress mode ${asked}`, {
      hint: `BUILDKIT_PROGRESS is one of ${Object.keys(buildModes).join(', ')}`,
    })
  }
  const mode = buildModes[asked]
  if (mode !== 'tty') return mode
  if (ctx.terminal.isTty) return undefined
  throw new FlotillaError('cli/invalid-value', 'failed to get console: provided file is not a console', {
    hint: 'BUILDKIT_PROGRESS=tty wants a terminal',
  })
}

function contradiction(asked: string, ansi: string): FlotillaError {
  return new FlotillaError('cli/invalid-value', `can't use --progress ${asked} while ANSI support is ${ansi}`)
}

/** What is asked for in colour and cursor movement: `--ansi`, else `COMPOSE_ANSI`. */
export function readAnsi(ctx: Context): string | undefined {
  if (ctx.globals['no-ansi'] !== true) {
    const learned = ctx.globals.given('ansi') ? '' : (composeEnv(ctx)['COMPOSE_ANSI'] ?? '')
    const flag = ctx.globals['ansi']
    if (learned !== '') return learned
    return typeof flag === 'string' && flag !== '' ? flag : undefined
  }
  if (ctx.globals.given('ansi')) {
    throw new FlotillaError(
      'cli/invalid-value',
      'cannot specify DEPRECATED "--no-ansi" and "--ansi". Please use only "--ansi"',
    )
  }
  return 'never'
}
