import { join } from 'node:path'
import type { Run } from '../../cli/command.ts'
import { goQuote } from '../../core/goquote.ts'
import { isPlainEngine } from '../../machine/connection.ts'
import { connect } from './connect.ts'
import { chooseName, openMachine, openStore, withPrefix } from './open-machine.ts'
import type { configFlags } from './table.ts'

/** Arguments for the docker CLI, after the connection has been tried. */
export const run: Run<typeof configFlags> = async (ctx, flags, args) => {
  const store = openStore(ctx)
  const machine = await openMachine(ctx, store, await chooseName(store, args))
  let url: string
  try {
    url = await connect(ctx, store, machine, flags.swarm)
  } catch (error) {
    throw withPrefix('Error running connection boilerplate: ', error)
  }
  if (!/^(?:tcp|https?):/.test(url) || (await isPlainEngine(machine.host))) {
    ctx.stdout.write(`-H=${url}\n`)
    return
  }
  const folder = store.pathOf(machine.host.name)
  const path = (file: string): string => goQuote(join(folder, file))
  ctx.stdout.write(
    `--tlsverify\n--tlscacert=${path('ca.pem')}\n--tlscert=${path('cert.pem')}\n--tlskey=${path('key.pem')}\n-H=${url}\n`,
  )
}
