import type { Run } from '../../cli/command.ts'
import { chooseName, openMachine, openStore } from './open-machine.ts'

/** The program's version, or that of a machine's engine. */
export const run: Run = async (ctx, _flags, args) => {
  if (args.length === 0) {
    ctx.stdout.write(`${ctx.personality.versionText}\n`)
    return
  }
  const store = openStore(ctx)
  const { host, driver } = await openMachine(ctx, store, await chooseName(store, args))
  const { queryHostVersion } = await import('../../machine/query-version.ts')
  const o = { signal: ctx.signal }
  const url = await driver.engineUrl(o)
  ctx.stdout.write(`${await queryHostVersion(url, host, ctx.clock, o)}\n`)
}
