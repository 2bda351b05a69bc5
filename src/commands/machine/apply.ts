import { resolve } from 'node:path'
import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { settleLimit } from '../../core/limit.ts'
import { readTextFile } from '../../io/files.ts'
import type { Host } from '../../machine/host.ts'
import { readFleet } from '../../machine/fleet/fleet-file.ts'
import type { FleetFile, FleetMachine } from '../../machine/fleet/fleet-file.ts'
import { planFleet, renderPlan } from '../../machine/fleet/fleet-plan.ts'
import type { FleetObserved, FleetStep } from '../../machine/fleet/fleet-plan.ts'
import { readInventory } from '../../machine/inventory.ts'
import type { Store } from '../../machine/store.ts'
import { confirm } from './confirm.ts'
import type { CreateFlags } from './create.ts'
import { applyStep } from './apply-step.ts'
import { readCreateWords } from './create-words.ts'
import { openDriver, openStore } from './open-machine.ts'
import type { applyFlags } from './own-table.ts'

/** Makes the store what a file says. */
export const run: Run<typeof applyFlags> = async (ctx, flags, args) => {
  if (args.length > 0) throw new FlotillaError('machine/usage', `apply takes no names, got ${JSON.stringify(args[0])}`)
  const file = await loadFleet(ctx, flags.file)
  const store = openStore(ctx)
  const makeFlags = await checkMachines(ctx, file, flags.file)
  const plan = planFleet(file, await observe(ctx, store), flags.prune)
  if (plan.conflicts.length > 0) {
    throw new FlotillaError(
      'machine/exists',
      `${flags.file}: ${plan.conflicts.map((name) => `machine "${name}" exists and is not of fleet "${file.name}"`).join('\n')}`,
      { hint: 'give it another name in the file, or remove it' },
    )
  }
  ctx.stdout.write(renderPlan(plan))
  if (flags.plan || plan.steps.length === 0) return
  const replaced = plan.steps.filter(({ action }) => action === 'replace')
  if (replaced.length > 0 && !flags.replace) {
    throw new FlotillaError(
      'machine/usage',
      `${replaced.map(({ name }) => name).join(', ')} would be removed and made anew, with all containers and data`,
      { hint: 'give --replace to allow it' },
    )
  }
  if (!flags.y && !(await confirm(ctx, 'Do this? (y/n): '))) return
  await execute(ctx, { store, fleet: file.name, parallel: flags.parallel }, plan.steps, makeFlags)
}

async function loadFleet(ctx: Context, path: string): Promise<FleetFile> {
  const text = await readTextFile(resolve(ctx.cwd, path))
  if (text === undefined) throw new FlotillaError('machine/usage', `${path}: no such file`)
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { uniqueKeys: true })
  const [error] = document.errors
  if (error !== undefined) {
    throw new FlotillaError('machine/usage', `${path}: ${error.message.split('\n')[0] ?? ''}`, { cause: error })
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    throw new FlotillaError('machine/usage', `${path}: ${toMessage(cause)}`, { cause })
  }
  return readFleet(value, path)
}

/** Flags of all machines, checked before anything is done. */
async function checkMachines(
  ctx: Context,
  file: FleetFile,
  path: string,
): Promise<(wanted: FleetMachine) => CreateFlags> {
  const made = new Map<string, CreateFlags>()
  for (const wanted of file.machines) {
    try {
      const flags = await readCreateWords(ctx, wanted.driver, toWords(wanted))
      made.set(wanted.name, flags)
    } catch (error) {
      throw new FlotillaError('machine/usage', `${path}: machine "${wanted.name}": ${toMessage(error)}`, {
        cause: error,
      })
    }
  }
  return (wanted) => {
    const flags = made.get(wanted.name)
    if (flags === undefined) throw new FlotillaError('internal', `no flags for machine "${wanted.name}"`)
    return flags
  }
}

function toWords({ options, labels }: FleetMachine): readonly string[] {
  return [
    ...Object.entries(options).flatMap(([name, value]) =>
      (Array.isArray(value) ? (value as readonly string[]) : [String(value)]).map((each) => `--${name}=${each}`),
    ),
    ...Object.entries(labels).map(([key, value]) => `--engine-label=${key}=${value}`),
  ]
}

async function observe(ctx: Context, store: Store): Promise<readonly FleetObserved[]> {
  const { hosts, broken } = await readInventory(store)
  for (const { error } of broken) ctx.log.warn(toMessage(error))
  const results = await settleLimit(hosts, 32, async (host: Host): Promise<FleetObserved> => {
    const driver = await openDriver(ctx, store, host)
    return { host, state: await driver.state({ signal: ctx.signal, deadlineMs: 10_000 }) }
  })
  return results.map((result) => (result.kind === 'done' ? result.value : { host: result.item, state: '' }))
}

interface Site {
  readonly store: Store
  readonly fleet: string
  readonly parallel: number
}

async function execute(
  ctx: Context,
  site: Site,
  steps: readonly FleetStep[],
  makeFlags: (wanted: FleetMachine) => CreateFlags,
): Promise<void> {
  const results = await settleLimit(steps, site.parallel, (step) =>
    applyStep(ctx, { ...site, step, ...(step.wanted && { flags: makeFlags(step.wanted) }) }),
  )
  if (ctx.signal.aborted) throw ctx.signal.reason
  const failed = results.flatMap((result) =>
    result.kind === 'failed' ? [`${result.item.name}: cannot ${result.item.action}: ${toMessage(result.error)}`] : [],
  )
  if (failed.length > 0) {
    throw new FlotillaError('machine/driver', failed.join('\n'), {
      hint: 'what was done is kept; "apply" once more goes on',
    })
  }
  ctx.log.info(`Fleet "${site.fleet}" is as the file says`)
}
