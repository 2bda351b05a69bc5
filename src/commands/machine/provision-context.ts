import type { Context } from '../../cli/command.ts'
import type { KeyKind } from '../../io/certificates.ts'
import { findUser } from '../../machine/certs.ts'
import type { ProvisionContext } from '../../machine/provision/provision-host.ts'
import type { Provisioner } from '../../machine/provision/provisioner.ts'
import { programWords } from './open-machine.ts'
import { chooseSsh } from './ssh-client.ts'

/** What commands that provision hand to the domain. */
export async function makeProvisionContext(ctx: Context, keyKind?: KeyKind): Promise<ProvisionContext> {
  return {
    clock: ctx.clock,
    log: ctx.log,
    user: findUser(ctx.env),
    ...(keyKind !== undefined && { keyKind }),
    program: programWords(ctx),
    openSsh: await chooseSsh(ctx),
    loadProvisioners: () =>
      Promise.all(ctx.plugins.names('provisioner').map((name) => ctx.plugins.load<Provisioner>('provisioner', name))),
  }
}
