import type { Context } from '../../cli/command.ts'
import { isSwitchedOn } from '../../core/env-switch.ts'
import { FlotillaError } from '../../core/errors.ts'

type Env = Context['env']

const learned = new WeakMap<Context, Env>()

/** Keeps the variables of a project that has been loaded: `COMPOSE_` ones of its `.env` count as if exported. */
export function learnEnv(ctx: Context, env: Env): void {
  learned.set(ctx, env)
}

/** The variables that steer this program: with those of `.env` once a project is loaded. */
export function composeEnv(ctx: Context): Env {
  return learned.get(ctx) ?? ctx.env
}

/** `up --remove-orphans`, else `COMPOSE_REMOVE_ORPHANS`, which `.env` may say, too: not for `down` and `kill`, as in 2.40. */
export function removesOrphans(
  ctx: Context,
  flags: { readonly 'remove-orphans': boolean; readonly given: (name: 'remove-orphans') => boolean },
): boolean {
  if (flags.given('remove-orphans')) return flags['remove-orphans']
  return isSwitchedOn(composeEnv(ctx)['COMPOSE_REMOVE_ORPHANS'])
}

/**
 * `--parallel`, else `COMPOSE_PARALLEL_LIMIT`; -1 and nothing mean no limit of the user's.
 *
 * @throws {cli/invalid-value} also for commands that call no engine, as in the reference program
 */
export function readParallel(ctx: Context): number {
  const flag = ctx.globals['parallel']
  if (typeof flag === 'number' && ctx.globals.given('parallel')) return flag < 1 ? unlimited : flag
  const variable = composeEnv(ctx)['COMPOSE_PARALLEL_LIMIT'] ?? ''
  if (variable === '') return unlimited
  if (!/^[-+]?\d+$/.test(variable)) {
    throw new FlotillaError('cli/invalid-value', `COMPOSE_PARALLEL_LIMIT must be an integer (found: "${variable}")`)
  }
  const limit = Number(variable)
  return limit < 1 ? unlimited : limit
}

/** Engines serve more calls at once than they have processors for; beyond this they only queue. */
const unlimited = 64
