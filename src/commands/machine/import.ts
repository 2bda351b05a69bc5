import { resolve } from 'node:path'
import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { importMachine, readBundleText } from '../../machine/bundle.ts'
import type { HostState } from '../../machine/driver.ts'
import type { Host } from '../../machine/host.ts'
import type { Store } from '../../machine/store.ts'
import { findDescriptor, openDriver, openStore, programWords } from './open-machine.ts'
import type { importFlags } from './own-table.ts'
import { readPassphrase } from './passphrase.ts'

const usable: readonly HostState[] = ['Running', 'Stopped', 'Paused', 'Starting', 'Stopping', 'Saved']

/** Puts a machine that was exported elsewhere into the store. */
export const run: Run<typeof importFlags> = async (ctx, flags, args) => {
  const [file, ...more] = args
  if (file === undefined || more.length > 0) {
    ctx.stdout.write(await ctx.helpPage())
    throw new FlotillaError('machine/usage', 'Error: Expected one file as an argument')
  }
  const store = openStore(ctx)
  const text = await readBundleText(resolve(ctx.cwd, file))
  const host = await importMachine(text, file, store, () => readPassphrase(ctx, flags['passphrase-file']))
  const { name } = host
  const missing = await findMissing(ctx, store, host)
  if (missing !== undefined) {
    ctx.log.warn(
      `Machine "${name}" was imported without ${missing}, which is not here: it can be neither started nor used. If its engine can be reached from here, "${programWords(ctx)} adopt" takes that`,
    )
    return
  }
  ctx.log.info(`Machine "${name}" was imported. To use it, run: ${programWords(ctx)} env ${name}`)
}

/** What a machine would need to be of use here, and is somewhere else. */
async function findMissing(ctx: Context, store: Store, host: Host): Promise<string | undefined> {
  const stays = (await findDescriptor(ctx, host.driverName))?.stays?.(host.driver)
  if (stays === undefined) return undefined
  try {
    const driver = await openDriver(ctx, store, host)
    return usable.includes(await driver.state({ signal: ctx.signal })) ? undefined : stays
  } catch (error) {
    if (ctx.signal.aborted) throw error
    return stays
  }
}
