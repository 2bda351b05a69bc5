import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { chooseContext, removeContext, writeContext } from '../../machine/docker-context.ts'
import { contextPlace } from './contexts.ts'
import { openMachines } from './each-machine.ts'
import { chooseNames, openStore } from './open-machine.ts'
import type { contextFlags } from './own-table.ts'

/** Writes contexts of the docker CLI for machines, or takes them away. */
export const run: Run<typeof contextFlags> = async (ctx, flags, args) => {
  const store = openStore(ctx)
  const names = await chooseNames(store, args)
  const place = contextPlace(ctx)
  if (flags.use && (flags.rm || names.length !== 1)) {
    throw new FlotillaError('machine/usage', '--use takes one machine, and not --rm')
  }
  if (flags.rm) {
    for (const name of names) {
      if (!(await removeContext(place, name, store.pathOf(name)))) {
        throw new FlotillaError('machine/not-found', `machine "${name}" has no docker context of its own`)
      }
      ctx.log.info(`Removed docker context "${name}"`)
    }
    return
  }
  for (const { host, driver } of await openMachines(ctx, store, names)) {
    const url = await driver.engineUrl({ signal: ctx.signal })
    await writeContext(place, host, store.pathOf(host.name), url)
    if (flags.use) await chooseContext(place, host.name)
    ctx.log.info(`Docker context "${host.name}" points at ${url}`)
  }
}
