import type { Context } from '../../cli/command.ts'
import type { PowerContext } from '../../machine/power.ts'
import type { Store } from '../../machine/store.ts'
import { programWords } from './open-machine.ts'
import { chooseSsh } from './ssh-client.ts'

/** What the commands that switch machines on and off hand to the domain. */
export async function makePowerContext(ctx: Context): Promise<(store: Store, name: string) => PowerContext> {
  const openSsh = await chooseSsh(ctx)
  const program = programWords(ctx)
  return (store, name) => ({ log: ctx.log, clock: ctx.clock, openSsh, program, machinePath: store.pathOf(name) })
}
