import { dirname, resolve } from 'node:path'
import type { Context, Run } from '../../../cli/command.ts'
import { parseListenAddress } from '../../../cluster/api/listen.ts'
import type { ListenAddress } from '../../../cluster/api/listen.ts'
import { startDiscoveryService } from '../../../cluster/discovery-service/service.ts'
import type { DiscoveryServiceOptions } from '../../../cluster/discovery-service/service.ts'
import { checkTlsFlags, readTlsFiles } from '../../../cluster/tls-files.ts'
import { FlotillaError } from '../../../core/errors.ts'
import type { FlagValues } from '../../../core/flag.ts'
import { makeFolder } from '../../../io/files.ts'
import { withLock } from '../../../io/lock.ts'
import type { discoveryServeFlags } from '../table.ts'

/** Serves tokens for `token://` until it is told to stop. */
export const run: Run<typeof discoveryServeFlags> = async (ctx, flags) => {
  checkTlsFlags(flags)
  const listen = flags.host.map(parseListenAddress)
  if (!flags.tls && !flags.tlsverify) checkPlain(ctx, listen, flags)
  const { listenTls } = await readTlsFiles(flags)
  const { clock, log } = ctx
  const options = { listen, clock, log, ...(listenTls === undefined ? {} : { tls: listenTls }) }
  if (flags.state === undefined || flags.state === '') {
    log.warn('Without --state all tokens are lost when this program ends')
    await serve(ctx, options)
    return
  }
  const statePath = resolve(ctx.cwd, flags.state)
  await makeFolder(dirname(statePath), 0o700)
  const subject = `state file ${JSON.stringify(statePath)}`
  await withLock(`${statePath}.lock`, { clock, waitMs: 0, subject }, () => serve(ctx, { ...options, statePath }))
}

/** Whoever reads along on the network learns the tokens (reliability.md S-T1). */
function checkPlain(
  ctx: Context,
  listen: readonly ListenAddress[],
  flags: FlagValues<typeof discoveryServeFlags>,
): void {
  const open = listen.find((address) => address.kind === 'tcp' && !/^(?:127\.|::1$|localhost$)/.test(address.host))
  if (open === undefined) return
  if (!flags['insecure-plain-http']) {
    throw new FlotillaError('cluster/invalid-option', 'tokens would cross the network unencrypted', {
      hint: 'use --tls with --tlscert and --tlskey, or say --insecure-plain-http on a network where nobody listens',
    })
  }
  ctx.log.warn('Tokens cross the network unencrypted: --insecure-plain-http')
}

async function serve(ctx: Context, options: DiscoveryServiceOptions): Promise<void> {
  const service = await startDiscoveryService(options)
  for (const addr of service.addresses) ctx.log.info('Serving tokens', { addr })
  await new Promise<void>((resolve) => {
    const giveBack = ctx.onInterrupt((name) => {
      ctx.log.info(`Received ${name}, shutting down`)
      giveBack()
      resolve()
    })
  })
  await service.close()
}
