import type { Run } from '../../cli/command.ts'
import { restartHost } from '../../machine/power.ts'
import { forEachMachine } from './each-machine.ts'
import { programWords } from './open-machine.ts'
import { makePowerContext } from './power.ts'

export const run: Run = async (ctx, _flags, args) => {
  const power = await makePowerContext(ctx)
  await forEachMachine(ctx, args, async ({ host, driver }, store) => {
    await restartHost(host, driver, power(store, host.name), { signal: ctx.signal })
  })
  const env = `${programWords(ctx)} env`
  ctx.log.info(`Restarted machines may have new IP addresses. You may need to re-run the \`${env}\` command.`)
}
