import type { Context } from '../../cli/command.ts'
import { readInventory } from '../../machine/inventory.ts'
import type { Inventory } from '../../machine/inventory.ts'
import { describeHosts } from '../../machine/list.ts'
import type { HostRow } from '../../machine/list.ts'
import type { Store } from '../../machine/store.ts'
import { openDriver, programWords } from './open-machine.ts'

export interface GatherOptions {
  readonly timeoutMs: number
  readonly withVersion: boolean
  /** Absent: all of the store. */
  readonly inventory?: Inventory
}

/** Asks the machines of the store, side by side. */
export async function gatherRows(ctx: Context, store: Store, options: GatherOptions): Promise<readonly HostRow[]> {
  const inventory = options.inventory ?? (await readInventory(store))
  const queryVersion = options.withVersion
    ? (await import('../../machine/query-version.ts')).queryHostVersion
    : undefined
  return describeHosts(
    inventory,
    {
      store,
      clock: ctx.clock,
      openDriver: (host) => openDriver(ctx, store, host),
      ...(queryVersion && {
        queryVersion: (url, host, o) => queryVersion(url, host, ctx.clock, o),
      }),
      dockerHost: ctx.env['DOCKER_HOST'] ?? '',
      timeoutMs: options.timeoutMs,
      program: programWords(ctx),
    },
    { signal: ctx.signal },
  )
}
