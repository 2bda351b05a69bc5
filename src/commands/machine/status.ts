import type { Run } from '../../cli/command.ts'
import { chooseName, openMachine, openStore, withPrefix } from './open-machine.ts'

export const run: Run = async (ctx, _flags, args) => {
  const store = openStore(ctx)
  const name = await chooseName(store, args)
  const { driver } = await openMachine(ctx, store, name)
  try {
    ctx.stdout.write(`${await driver.state({ signal: ctx.signal })}\n`)
  } catch (error) {
    throw withPrefix(`error getting state for host ${name}: `, error)
  }
}
