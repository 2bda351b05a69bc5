import type { Context } from '../../cli/command.ts'
import { defaultLimits } from '../../compose/load/limits.ts'
import type { LoadLimits } from '../../compose/load/limits.ts'
import { findConfigFile } from '../../plugin/config-file.ts'

const read = new WeakMap<Context, LoadLimits>()

/**
 * The limits of this run. Where there is no configuration of the user, as nearly everywhere, nothing more is loaded or read.
 *
 * @throws {plugin/invalid} naming the file and what is wrong in it
 */
export async function readLimits(ctx: Context): Promise<LoadLimits> {
  const known = read.get(ctx)
  if (known !== undefined) return known
  const file = findConfigFile(ctx.env)
  const limits = file === undefined ? defaultLimits : { ...defaultLimits, ...(await readConfigured(file)) }
  read.set(ctx, limits)
  return limits
}

async function readConfigured(file: string): Promise<Partial<LoadLimits>> {
  const { readConfiguredLimits } = await import('./configured-limits.ts')
  return readConfiguredLimits(file)
}

/** The limits that the project of this run has been read within. */
export function limitsOf(ctx: Context): LoadLimits {
  return read.get(ctx) ?? defaultLimits
}
