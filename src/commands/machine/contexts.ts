import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../cli/command.ts'
import { toMessage } from '../../core/errors.ts'
import { findContext, writeContext } from '../../machine/docker-context.ts'
import type { ContextPlace } from '../../machine/docker-context.ts'
import type { Store } from '../../machine/store.ts'
import type { OpenMachine } from './open-machine.ts'

/** Where the docker CLI keeps its contexts. */
export function contextPlace(ctx: Context): ContextPlace {
  const named = ctx.env['DOCKER_CONFIG'] ?? ''
  if (named !== '') return { configFolder: named }
  const home = ctx.env[process.platform === 'win32' ? 'USERPROFILE' : 'HOME'] ?? ''
  return { configFolder: join(home === '' ? homedir() : home, '.docker') }
}

/** Brings a machine's context up to date after its address or certificates may have changed; who has none gets none. */
export async function refreshContext(ctx: Context, store: Store, { host, driver }: OpenMachine): Promise<void> {
  const place = contextPlace(ctx)
  const machinePath = store.pathOf(host.name)
  try {
    if ((await findContext(place, host.name, machinePath)) !== 'ours') return
    // A machine that is off has no address; its context keeps the last one.
    const url = await driver.engineUrl({ signal: ctx.signal }).catch(() => '')
    if (url !== '') await writeContext(place, host, machinePath, url)
  } catch (error) {
    ctx.log.warn(`cannot renew docker context "${host.name}": ${toMessage(error)}`)
  }
}
