import type { Context } from '../../cli/command.ts'
import type { PowerContext } from '../../machine/power.ts'
import type { Store } from '../../machine/store.ts'
import { makeProvisionContext } from './provision-context.ts'

/** What the commands that switch machines on and off hand to the domain. */
export async function makePowerContext(ctx: Context): Promise<(store: Store, name: string) => PowerContext> {
  const provision = await makeProvisionContext(ctx)
  return (store, name) => ({ ...provision, machinePath: store.pathOf(name) })
}
