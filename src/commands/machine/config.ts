import { join } from 'node:path'
import type { Run } from '../../cli/command.ts'
import { goQuote } from '../../core/goquote.ts'
import { checkConnection } from '../../machine/connection.ts'
import { chooseName, openMachine, openStore, toConnection, withPrefix } from './open-machine.ts'
import type { configFlags } from './table.ts'

/** Arguments for the docker CLI, after the connection has been tried. */
export const run: Run<typeof configFlags> = async (ctx, flags, args) => {
  const store = openStore(ctx)
  const { host, driver } = await openMachine(ctx, store, await chooseName(store, args))
  let url: string
  try {
    url = await checkConnection(host, driver, toConnection(ctx, flags.swarm), { signal: ctx.signal })
  } catch (error) {
    throw withPrefix('Error running connection boilerplate: ', error)
  }
  const folder = store.pathOf(host.name)
  const path = (file: string): string => goQuote(join(folder, file))
  ctx.stdout.write(
    `--tlsverify\n--tlscacert=${path('ca.pem')}\n--tlscert=${path('cert.pem')}\n--tlskey=${path('key.pem')}\n-H=${url}\n`,
  )
}
