import type { Run } from '../../../cli/command.ts'
import { renderDurationMs } from '../../../core/duration.ts'
import { toMessage } from '../../../core/errors.ts'
import { readInventory } from '../../../machine/inventory.ts'
import { listPools, loadPool, poolOf } from '../../../machine/pool/pool.ts'
import { renderTable } from '../../../ui/table.ts'
import { openStore } from '../open-machine.ts'
import type { poolListFlags } from './table.ts'

/** Lists pools; one that cannot be read is a row with the reason. */
export const run: Run<typeof poolListFlags> = async (ctx, flags) => {
  const store = openStore(ctx)
  const names = await listPools(store.root)
  if (flags.quiet) {
    for (const name of names) ctx.stdout.write(`${name}\n`)
    return
  }
  const { hosts } = await readInventory(store)
  const rows = await Promise.all(
    names.map(async (name) => {
      const machines = String(hosts.filter((host) => poolOf(host) === name).length)
      try {
        const pool = await loadPool(store.root, name)
        return [name, pool.driver, machines, String(pool.min), String(pool.max), renderDurationMs(pool.idleMs), '']
      } catch (error) {
        return [name, '', machines, '', '', '', toMessage(error)]
      }
    }),
  )
  ctx.stdout.write(`${renderTable(['NAME', 'DRIVER', 'MACHINES', 'MIN', 'MAX', 'IDLE', 'ERRORS'], rows)}\n`)
}
