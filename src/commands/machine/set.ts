import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { changeOptions } from '../../machine/change-options.ts'
import type { OptionChanges } from '../../machine/change-options.ts'
import { unfinishedStep } from '../../machine/creation.ts'
import { fleetOf } from '../../machine/fleet/fleet-plan.ts'
import { isAddressOnly } from '../../machine/provision/provision-host.ts'
import { provisionWhole } from '../../machine/provision-whole.ts'
import { checkEnginePairs } from './create.ts'
import { forEachMachine } from './each-machine.ts'
import { openMachine, programWords } from './open-machine.ts'
import type { setFlags } from './own-table.ts'
import { makeProvisionContext } from './provision-context.ts'

/** Changes options of machines and sets their engines up with them. */
export const run: Run<typeof setFlags> = async (ctx, flags, args) => {
  const changes = toChanges(flags)
  const provision = await makeProvisionContext(ctx)
  const o = { signal: ctx.signal }
  await forEachMachine(ctx, args, async ({ host, driver }, store) => {
    const { name, driverName } = host
    const changed = changeOptions(host, changes)
    if (changed.lines.length === 0) {
      ctx.log.info(`Machine "${name}" has these options already`)
      return undefined
    }
    if (await isAddressOnly(driver, o)) {
      const text = `machine "${name}" of driver "${driverName}" has no options to change: it is only an address`
      throw new FlotillaError('machine/provision', text)
    }
    if (driver.configureEngine !== undefined && flags['engine-version'] !== '') {
      const text = `driver "${driverName}" takes no --engine-version: it runs an engine of its own choice`
      throw new FlotillaError('machine/driver', text)
    }
    if (unfinishedStep(host) !== undefined) {
      throw new FlotillaError('machine/provision', `machine "${name}" was not made completely`, {
        hint: `"${programWords(ctx)} create --resume ${name}" goes on, "${programWords(ctx)} rm ${name}" removes it`,
      })
    }
    if ((await driver.state(o)) !== 'Running') {
      throw new FlotillaError('machine/state', `Host "${name}" is not running`, {
        hint: 'its options are changed on the running machine: start it first',
      })
    }
    for (const line of changed.lines) ctx.log.info(`Machine "${name}": ${line}`)
    const fleet = fleetOf(host)
    if (fleet !== undefined) ctx.log.warn(`Machine "${name}" is of fleet "${fleet}": change its file too`)
    // The record is written when all is done: cut short, the same command does it again.
    const whole = { ...provision, store, openMachine: (other: string) => openMachine(ctx, store, other) }
    await provisionWhole(changed.host, driver, whole, o)
    return changed.host
  })
}

function toChanges(flags: FlagValues<typeof setFlags>): OptionChanges {
  checkEnginePairs(flags)
  const lists = Object.fromEntries(
    (
      [
        'engine-label',
        'engine-env',
        'engine-opt',
        'engine-insecure-registry',
        'engine-registry-mirror',
        'tls-san',
      ] as const
    ).flatMap((name) => (flags[name].length === 0 ? [] : [[name, flags[name]]])),
  )
  const texts = Object.fromEntries(
    (['engine-version', 'engine-storage-driver', 'engine-install-url'] as const).flatMap((name) =>
      flags[name] === '' ? [] : [[name, flags[name]]],
    ),
  )
  const removals = flags.remove
  if (removals.length + Object.keys(lists).length + Object.keys(texts).length > 0) return { lists, texts, removals }
  throw new FlotillaError('machine/usage', 'nothing to change: give options, such as --engine-label KEY=VALUE')
}
