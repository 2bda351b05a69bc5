import type { Run } from '../../cli/command.ts'
import { stopHost } from '../../machine/power.ts'
import { forEachMachine } from './each-machine.ts'
import { makePowerContext } from './power.ts'

export const run: Run = async (ctx, _flags, args) => {
  const power = await makePowerContext(ctx)
  await forEachMachine(ctx, args, async ({ host, driver }, store) => {
    await stopHost(host, driver, power(store, host.name), { signal: ctx.signal })
  })
}
