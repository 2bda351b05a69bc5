import type { Run } from '../../../cli/command.ts'
import type { FlagTable } from '../../../core/flag.ts'
import { isSecretName } from '../../../core/mask.ts'
import { readInventory } from '../../../machine/inventory.ts'
import { loadPool, nodesFileOf, poolOf } from '../../../machine/pool/pool.ts'
import { loadDescriptor, openStore } from '../open-machine.ts'
import { createFlags } from '../create-flags.ts'
import { flagsOf } from '../driver-flags.ts'
import { onePool } from './one-pool.ts'

/** Prints a pool as JSON; values of flags that are secrets are not shown. */
export const run: Run = async (ctx, _flags, args) => {
  const store = openStore(ctx)
  const pool = await loadPool(store.root, onePool(args, 'inspect'))
  const { hosts } = await readInventory(store)
  const table: FlagTable = { ...createFlags, ...(await flagsOf(await loadDescriptor(ctx, pool.driver))) }
  const isSecret = (name: string): boolean => table[name]?.isSecret ?? isSecretName(name)
  const flags = Object.entries(pool.flags).map(([name, value]) => [
    name,
    isSecret(name) && value !== '' ? '***' : value,
  ])
  const answer = {
    Name: pool.name,
    Driver: pool.driver,
    Min: pool.min,
    Max: pool.max,
    IdleSeconds: pool.idleMs / 1000,
    IgnoresExited: pool.ignoresExited,
    NodesFile: nodesFileOf(store.root, pool.name),
    Machines: hosts.filter((host) => poolOf(host) === pool.name).map((host) => host.name),
    Flags: Object.fromEntries(flags) as object,
  }
  ctx.stdout.write(`${JSON.stringify(answer, undefined, 4)}\n`)
}
