import type { Context } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { settleLimit } from '../../core/limit.ts'
import type { Host } from '../../machine/host.ts'
import type { Store } from '../../machine/store.ts'
import { chooseNames, openMachine, openStore } from './open-machine.ts'
import type { OpenMachine } from './open-machine.ts'

const parallel = 32

/**
 * Does something to every named machine. All records are read first and nothing is done when one cannot be;
 * then all run side by side, each under its lock, and each that succeeds is saved.
 *
 * docker/machine commands/commands.go runActionWithContext: order and texts; saving each is ours, because one
 * failure used to lose the state of all.
 *
 * @param action yields a changed record, or nothing
 * @throws {machine/driver} with the errors of all, a line each
 */
export async function forEachMachine(
  ctx: Context,
  args: readonly string[],
  action: (machine: OpenMachine, store: Store) => Promise<Host | undefined | void>,
): Promise<void> {
  const store = openStore(ctx)
  const names = await chooseNames(store, args)
  await openMachines(ctx, store, names)
  const results = await settleLimit(names, parallel, (name) =>
    store.lock(name, async () => {
      const machine = await openMachine(ctx, store, name)
      const save = async (host: Host = machine.host): Promise<void> => {
        const config = machine.driver.toConfig()
        const isChanged = config !== machine.host.driver || host !== machine.host
        if (isChanged) await store.save({ ...host, driver: config })
      }
      let changed: Host | undefined | void
      try {
        changed = await action(machine, store)
      } catch (error) {
        // What the driver learned before it failed is worth keeping; that it could not be kept is not the news.
        await save().catch(() => {})
        throw error
      }
      await save(changed ?? machine.host)
    }),
  )
  throwFailures(results)
}

/**
 * Reads the records of all names, in their order.
 *
 * @throws with the errors of all that cannot be read, a line each
 */
export async function openMachines(
  ctx: Context,
  store: Store,
  names: readonly string[],
): Promise<readonly OpenMachine[]> {
  const results = await settleLimit(names, parallel, (name) => openMachine(ctx, store, name))
  throwFailures(results)
  return results.flatMap((result) => (result.kind === 'done' ? [result.value] : []))
}

/** One failure is thrown as it is, several as one with a line for each. */
function throwFailures(results: Awaited<ReturnType<typeof settleLimit>>): void {
  const errors = results.flatMap((result) => (result.kind === 'failed' ? [result.error] : []))
  if (errors.length === 0) return
  if (errors.length === 1) throw errors[0]
  const text = errors.map(toMessage).join('\n')
  throw new FlotillaError('machine/driver', text, { cause: new AggregateError(errors) })
}
