import type { Context } from '../../../cli/command.ts'
import type { FlagTable } from '../../../core/flag.ts'
import { createFlags } from '../create-flags.ts'
import { findDriverFlags } from '../driver-flags.ts'

/** Flags of `create` that make no sense for many machines. */
const singleOnly = ['rollback', 'resume']

/** The flags of `create` and of the driver that the command line names. */
export async function findMachineFlags(argv: readonly string[], ctx: Context): Promise<FlagTable> {
  const shared = Object.fromEntries(Object.entries(createFlags).filter(([name]) => !singleOnly.includes(name)))
  return { ...shared, ...(await findDriverFlags(argv, ctx)) }
}
