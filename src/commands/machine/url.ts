import type { Run } from '../../cli/command.ts'
import { chooseName, openMachine, openStore } from './open-machine.ts'

export const run: Run = async (ctx, _flags, args) => {
  const store = openStore(ctx)
  const { driver } = await openMachine(ctx, store, await chooseName(store, args))
  ctx.stdout.write(`${await driver.engineUrl({ signal: ctx.signal })}\n`)
}
