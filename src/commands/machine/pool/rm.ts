import type { Run } from '../../../cli/command.ts'
import { FlotillaError, isFlotillaError } from '../../../core/errors.ts'
import { withLock } from '../../../io/lock.ts'
import { readInventory } from '../../../machine/inventory.ts'
import { loadPool, lockFileOf, poolOf, removePool } from '../../../machine/pool/pool.ts'
import { openStore, programWords } from '../open-machine.ts'
import { removeMachine } from './remove-machine.ts'
import type { poolRemoveFlags } from './table.ts'

/** Forgets pools; with force their machines go first. A pool that is being run is left alone. */
export const run: Run<typeof poolRemoveFlags> = async (ctx, flags, args) => {
  if (args.length === 0) throw new FlotillaError('machine/usage', 'pool rm takes the names of pools')
  const store = openStore(ctx)
  for (const name of new Set(args)) {
    try {
      await loadPool(store.root, name)
    } catch (error) {
      // A damaged description is no reason to keep it; a name that no pool has is none of a file either.
      if (!flags.force || !isFlotillaError(error)) throw error
      if (error.code === 'machine/not-found') {
        ctx.log.error(`Can't remove "${name}"`)
        continue
      }
    }
    const lock = { clock: ctx.clock, waitMs: 0, signal: ctx.signal, subject: `pool "${name}"` }
    await withLock(lockFileOf(store.root, name), lock, async () => {
      const { hosts } = await readInventory(store)
      const machines = hosts.filter((host) => poolOf(host) === name).map((host) => host.name)
      if (machines.length > 0 && !flags.force) {
        throw new FlotillaError('machine/state', `pool "${name}" still has machines: ${machines.join(', ')}`, {
          hint: `"${programWords(ctx)} pool rm --force ${name}" removes them too`,
        })
      }
      for (const machine of machines) await removeMachine(ctx, store, machine)
    })
    await removePool(store.root, name)
    ctx.log.info(`Successfully removed ${name}`)
  }
}
