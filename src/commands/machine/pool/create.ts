import { resolve } from 'node:path'
import type { Run } from '../../../cli/command.ts'
import { parseDurationMs } from '../../../core/duration.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { nodesFileOf, savePool } from '../../../machine/pool/pool.ts'
import type { Pool, PoolFlag } from '../../../machine/pool/pool.ts'
import type { CreateFlags } from '../create.ts'
import { checkCreateFlags, toWanted } from '../create.ts'
import { loadDescriptor, openStore, programWords } from '../open-machine.ts'
import { createFlags } from '../create-flags.ts'
import { flagsOf } from '../driver-flags.ts'
import { onePool } from './one-pool.ts'
import type { poolCreateFlags } from './table.ts'

/** Writes down what machines a pool is to have. */
export const run: Run<typeof poolCreateFlags> = async (ctx, flags, args) => {
  const name = onePool(args, 'create')
  const store = openStore(ctx)
  const machine = flags as unknown as CreateFlags & Readonly<Record<string, PoolFlag | undefined>>
  const descriptor = await loadDescriptor(ctx, machine.driver)
  checkCreateFlags(machine)
  if (machine['swarm-master'])
    throw new FlotillaError('machine/usage', 'a machine that may go at any time is no place for a manager')
  const known = [...Object.keys(createFlags), ...Object.keys(await flagsOf(descriptor))]
  const values = known.flatMap((flag) => (machine[flag] === undefined ? [] : [[flag, machine[flag]] as const]))
  const pool: Pool = {
    name,
    driver: descriptor.name,
    min: flags.min,
    max: flags.max,
    idleMs: readIdle(flags.idle),
    ignoresExited: flags['ignore-exited'],
    flags: Object.fromEntries(values) as Pool['flags'],
  }
  // What the driver will refuse is better known now than when the first machine is needed.
  const wanted = await toWanted(ctx, machine, `${name}-000000`)
  const { log, clock, random, env } = ctx
  const surroundings = { machineName: wanted.name, storePath: store.root, machinePath: store.pathOf(wanted.name) }
  await wanted.factory.configure({ ...surroundings, log, clock, random, env }, wanted.driverOptions)
  await savePool(store.root, pool, true)
  ctx.log.info(`Pool "${name}" is described. Its machines come and go while this runs beside the manager:`)
  ctx.log.info(`  ${programWords(ctx)} pool run ${name} --host ADDRESS-OF-THE-MANAGER`)
  ctx.log.info(`The manager finds them with: swarm manage … file://${resolve(nodesFileOf(store.root, name))}`)
}

function readIdle(text: string): number {
  try {
    return parseDurationMs(text)
  } catch (error) {
    throw new FlotillaError('machine/usage', `--idle: ${toMessage(error)}`, { cause: error })
  }
}
