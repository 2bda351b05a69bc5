import type { Context } from '../../cli/command.ts'
import { makeFlagLookup } from '../../cli/dialects/dialect.ts'
import { goflag } from '../../cli/dialects/goflag.ts'
import { collectFlagValues } from '../../cli/flag-values.ts'
import { createFlags } from './create-flags.ts'
import type { CreateFlags } from './create.ts'
import { checkCreateFlags } from './create.ts'
import { flagsOf } from './driver-flags.ts'
import { loadDescriptor } from './open-machine.ts'

/**
 * The flags of `create` for a driver from words as they would stand on its command line.
 *
 * @throws {cli/unknown-flag}, {cli/invalid-value}, {plugin/not-found}
 */
export async function readCreateWords(ctx: Context, driver: string, words: readonly string[]): Promise<CreateFlags> {
  const descriptor = await loadDescriptor(ctx, driver)
  const table = { ...createFlags, ...(await flagsOf(descriptor)) }
  const { uses } = goflag.scan([`--driver=${driver}`, ...words], makeFlagLookup(table), true)
  const flags = collectFlagValues(table, uses, ctx.env, goflag) as unknown as CreateFlags
  checkCreateFlags(flags)
  return flags
}
