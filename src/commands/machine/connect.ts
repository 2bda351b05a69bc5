import type { Context } from '../../cli/command.ts'
import { toMessage } from '../../core/errors.ts'
import { findUser, refreshCopies, renewClient } from '../../machine/certs.ts'
import { checkConnection, isPlainEngine } from '../../machine/connection.ts'
import { describeExpiry } from '../../machine/expiry.ts'
import type { Store } from '../../machine/store.ts'
import { programWords } from './open-machine.ts'
import type { OpenMachine } from './open-machine.ts'

/**
 * The address to give to a docker CLI, after the connection has been tried. A client pair that is about to
 * expire is renewed on the way, also in the machine's folder, where the docker CLI will look for it.
 */
export async function connect(
  ctx: Context,
  store: Store,
  { host, driver }: OpenMachine,
  isSwarm: boolean,
): Promise<string> {
  const { clock, log } = ctx
  const program = programWords(ctx)
  const o = { signal: ctx.signal }
  const plain = await driver.engineUrl(o)
  // A socket of this computer, or a login: no certificates to look at.
  if (/^(?:unix|ssh|npipe):/.test(plain)) return plain
  if (await isPlainEngine(host)) {
    log.warn(`The engine of "${host.name}" is spoken to without TLS: whoever reaches it is root there`)
    return plain
  }
  const auth = host.options.AuthOptions
  await renewClient(auth, { clock, log, user: findUser(ctx.env) }, o)
  const url = await checkConnection(host, driver, { clock, program, isSwarm }, o)
  try {
    await refreshCopies(auth, store.pathOf(host.name))
  } catch (error) {
    log.warn(`cannot renew the client certificate of "${host.name}": ${toMessage(error)}`)
  }
  const warning = await describeExpiry(host, clock, program)
  if (warning !== undefined) log.warn(warning)
  return url
}
