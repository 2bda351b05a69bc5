import type { CallOptions } from '../core/call.ts'
import type { Driver } from './driver.ts'
import type { Host } from './host.ts'
import { provisionHost, waitForEngine } from './provision/provision-host.ts'
import type { ProvisionContext } from './provision/provision-host.ts'
import type { Store } from './store.ts'
import { setUpSwarm } from './swarm/set-up-swarm.ts'
import type { SwarmSetupContext } from './swarm/set-up-swarm.ts'

export interface WholeContext extends ProvisionContext, Pick<SwarmSetupContext, 'openMachine'> {
  readonly store: Store
}

/**
 * Everything between a machine that is on and one that is of use: engine, proof that it answers, swarm.
 *
 * @param word puts a prefix in front of an error of a step
 * @throws {machine/provision}
 */
export async function provisionWhole(
  host: Host,
  driver: Driver,
  ctx: WholeContext,
  o: CallOptions,
  word: (prefix: string, error: unknown) => unknown = (_prefix, error) => error,
): Promise<void> {
  const optionsDir = await step('Error creating machine: Error running provisioning', word, () =>
    provisionHost(host, driver, ctx.store.pathOf(host.name), ctx, o),
  )
  await step('Error creating machine: Error checking the host', word, () => waitForEngine(host, driver, ctx, o))
  await step('Error creating machine: Error running provisioning', word, () =>
    setUpSwarm(host, driver, ctx, o, optionsDir),
  )
}

async function step<T>(
  prefix: string,
  word: (prefix: string, error: unknown) => unknown,
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body()
  } catch (error) {
    throw word(prefix, error)
  }
}
