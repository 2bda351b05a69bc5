import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { isKnownBuilder } from '../../engine/buildx-builder.ts'

/** `DOCKER_BUILDKIT=0`: the classic builder is wanted. */
export function isClassicAsked(env: Context['env']): boolean {
  return /^(?:0|f|false)$/i.test(env['DOCKER_BUILDKIT'] ?? '')
}

/**
 * Builders of buildx's own are not used here; the one called `default` is the engine. A name that buildx does not know
 * either is a slip. The classic builder has nothing to do with them.
 *
 * @param flag `--builder`, before `BUILDX_BUILDER`
 * @throws {cli/invalid-value}
 */
export async function checkBuilder(ctx: Pick<Context, 'env' | 'log'>, flag = ''): Promise<void> {
  const builder = chooseBuilder(ctx.env, flag)
  if (builder === undefined) return
  if (!isClassicAsked(ctx.env) && !(await isKnownBuilder(ctx.env, builder))) {
    throw new FlotillaError('cli/invalid-value', `no builder ${JSON.stringify(builder)} found`)
  }
  noteBuilder(ctx, flag)
}

/** Says that a builder of one's own is not used. */
export function noteBuilder(ctx: Pick<Context, 'env' | 'log'>, flag = ''): void {
  const builder = chooseBuilder(ctx.env, flag)
  if (builder === undefined) return
  const asked = flag === '' ? `BUILDX_BUILDER=${builder}` : `--builder ${builder}`
  ctx.log.warn(`${asked} has no effect: images are built by the engine itself`)
}

/** @returns undefined for the engine itself */
function chooseBuilder(env: Context['env'], flag: string): string | undefined {
  const builder = flag === '' ? (env['BUILDX_BUILDER'] ?? '') : flag
  return builder === '' || builder === 'default' ? undefined : builder
}
