import type { Context } from '../../cli/command.ts'
import type { PowerContext } from '../../machine/power.ts'
import type { Store } from '../../machine/store.ts'
import { chooseSsh } from './ssh-client.ts'

/** What the commands that switch machines on and off hand to the domain. */
export async function makePowerContext(ctx: Context): Promise<(store: Store, name: string) => PowerContext> {
  const openSsh = await chooseSsh(ctx)
  return (store, name) => ({ log: ctx.log, clock: ctx.clock, openSsh, machinePath: store.pathOf(name) })
}
