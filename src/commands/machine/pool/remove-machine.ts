import type { Context } from '../../../cli/command.ts'
import type { Store } from '../../../machine/store.ts'
import { openMachine } from '../open-machine.ts'

/** Removes a machine and its record, as `rm` does. */
export async function removeMachine(ctx: Context, store: Store, name: string): Promise<void> {
  await store.lock(
    name,
    async () => {
      const { driver } = await openMachine(ctx, store, name)
      await driver.remove({ signal: ctx.signal })
      await store.remove(name)
    },
    { signal: ctx.signal },
  )
}
