import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { createHost, resumeHost } from '../../machine/create.ts'
import { removeContext, writeContext } from '../../machine/docker-context.ts'
import type { CreateContext } from '../../machine/create.ts'
import { asksForContext, fleetMark } from '../../machine/fleet/fleet-plan.ts'
import type { FleetStep } from '../../machine/fleet/fleet-plan.ts'
import { hostLog } from '../../machine/host-log.ts'
import { startHost, stopHost } from '../../machine/power.ts'
import { provisionWhole } from '../../machine/provision-whole.ts'
import type { Store } from '../../machine/store.ts'
import { contextPlace, refreshContext } from './contexts.ts'
import { makeCreateContext, toWanted } from './create.ts'
import type { CreateFlags } from './create.ts'
import { loadDescriptor, openFactory, openMachine } from './open-machine.ts'
import type { OpenMachine } from './open-machine.ts'
import { makePowerContext } from './power.ts'
import { removeMachine } from './rm.ts'

export interface StepSite {
  readonly store: Store
  readonly fleet: string
  readonly step: FleetStep
  /** Absent for removals. */
  readonly flags?: CreateFlags
}

/** Does one step of a plan; each line of the log carries the machine's name. */
export async function applyStep(outer: Context, site: StepSite): Promise<void> {
  const { step, store } = site
  const { name } = step
  const ctx: Context = { ...outer, log: hostLog(outer.log, name) }
  if (step.action === 'remove' || step.action === 'replace') await removeMachine(ctx, store, name, false)
  if (step.action === 'remove') return
  const { flags } = site
  if (flags === undefined) throw new FlotillaError('internal', `no flags for machine "${name}"`)
  const create = await makeCreateContext(ctx, flags['tls-key-type'] === 'rsa' ? 'rsa' : 'ecdsa')
  switch (step.action) {
    case 'create':
    case 'replace':
      await createNew(ctx, create, site, flags)
      break
    case 'resume': {
      const host = await store.load(name)
      const descriptor = await loadDescriptor(ctx, host.driverName)
      await resumeHost(name, await openFactory(ctx, await descriptor.load(), host), create, { signal: ctx.signal })
      break
    }
    case 'update':
      await update(ctx, create, site, flags)
      break
    default:
      await power(ctx, store, name, step.action)
  }
  if (step.wanted?.state === 'stopped' && step.action !== 'stop') await power(ctx, store, name, 'stop')
}

async function createNew(ctx: Context, create: CreateContext, site: StepSite, flags: CreateFlags): Promise<void> {
  const { step, store } = site
  if (step.wanted === undefined) return
  const wanted = await toWanted(ctx, flags, step.name)
  await createHost({ ...wanted, extra: { ...wanted.extra, ...fleetMark(site.fleet, step.wanted) } }, create, {
    signal: ctx.signal,
  })
  if (!flags.context) return
  const { host, driver } = await openMachine(ctx, store, step.name)
  const url = await driver.engineUrl({ signal: ctx.signal })
  await writeContext(contextPlace(ctx), host, store.pathOf(step.name), url)
}

/** New options into the record, then provisioning. The record is written last: cut short, the next plan says the same. */
async function update(ctx: Context, create: CreateContext, site: StepSite, flags: CreateFlags): Promise<void> {
  const { step, store } = site
  const { wanted: spec } = step
  if (spec === undefined) return
  const o = { signal: ctx.signal }
  const wanted = await toWanted(ctx, flags, step.name)
  await store.lock(step.name, async () => {
    const { host, driver } = await openMachine(ctx, store, step.name)
    const { options } = host
    // A version that the file no longer names is gone; what this program does not know stays.
    const { EngineVersion: _version, ...engine } = options.EngineOptions
    const changed = {
      ...host,
      extra: { ...host.extra, ...fleetMark(site.fleet, spec) },
      options: {
        ...options,
        EngineOptions: { ...engine, ...wanted.engine },
        AuthOptions: { ...options.AuthOptions, ServerCertSANs: wanted.sans },
      },
    }
    if ((await driver.state(o)) === 'Stopped') {
      // Its options are changed on the running machine; one that the file wants off is turned off again.
      await startHost(host, driver, (await makePowerContext(ctx))(store, step.name), o)
    } else if ((await driver.state(o)) !== 'Running') {
      throw new FlotillaError('machine/state', `Host "${step.name}" is not running`, {
        hint: 'its options are changed on the running machine: start it first',
      })
    }
    await provisionWhole(changed, driver, create, o)
    await store.save({ ...changed, driver: driver.toConfig() })
    await setContext(ctx, store, { host: changed, driver }, { had: asksForContext(host), isWanted: flags.context })
  })
}

/** A context that the file has come to ask for is made; one that it no longer asks for goes. Others are kept up to date. */
async function setContext(
  ctx: Context,
  store: Store,
  machine: OpenMachine,
  { had, isWanted }: { readonly had: boolean; readonly isWanted: boolean },
): Promise<void> {
  const { name } = machine.host
  const place = contextPlace(ctx)
  if (!isWanted) {
    if (had) await removeContext(place, name, store.pathOf(name))
    else await refreshContext(ctx, store, machine)
    return
  }
  const url = await machine.driver.engineUrl({ signal: ctx.signal })
  await writeContext(place, machine.host, store.pathOf(name), url)
}

async function power(ctx: Context, store: Store, name: string, action: 'start' | 'stop'): Promise<void> {
  const makePower = await makePowerContext(ctx)
  await store.lock(name, async () => {
    const { host, driver } = await openMachine(ctx, store, name)
    const turn = action === 'start' ? startHost : stopHost
    await turn(host, driver, makePower(store, name), { signal: ctx.signal })
    await store.save({ ...host, driver: driver.toConfig() })
  })
}
