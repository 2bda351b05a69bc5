import { hostedServiceGone, toServiceBase } from '../../cluster/discovery-service/address.ts'
import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { requestWeb } from '../../io/http/web.ts'
import { readTextFile } from '../../io/files.ts'
import { checkLogLevel, endCommand } from './fatal.ts'
import type { createFlags } from './daemon-flags.ts'

const notice = `Tokens are an old way to find engines: who knows one can add engines to the cluster.
Prefer consul://, etcd:// or zk:// for fleets that change, file:// or nodes:// for others.
What follows is for scripts that still want a token.
`

/** Asks a token service for a new token and prints it. */
export const run: Run<typeof createFlags> = async (ctx, flags, args) => {
  try {
    checkLogLevel(ctx)
    if (args.length > 0) {
      throw new FlotillaError(
        'cluster/invalid-option',
        "the `create` command takes no arguments. See 'swarm create --help'.",
      )
    }
    if (flags.service === undefined || flags.service === '') throw hostedServiceGone()
    const base = toServiceBase(flags.service)
    const ca = flags.tlscacert === undefined ? undefined : await readCa(flags.tlscacert)
    const url = `${base}/clusters`
    const reply = await requestWeb(
      { method: 'POST', url, tls: ca === undefined ? {} : { ca } },
      { signal: ctx.signal },
      ctx.clock,
    )
    const token = reply.body.trim()
    if (reply.status < 200 || reply.status > 299 || !/^[\w-]{1,128}$/.test(token)) {
      throw new FlotillaError(
        'cluster/discovery',
        `cannot create a token: Discovery service returned ${reply.status} HTTP status code`,
      )
    }
    ctx.stderr.write(notice)
    ctx.stdout.write(`${token}\n`)
    return 0
  } catch (error) {
    if (ctx.signal.aborted) throw error
    return endCommand(ctx, error)
  }
}

async function readCa(path: string): Promise<string> {
  const text = await readTextFile(path)
  if (text !== undefined) return text
  throw new FlotillaError('cluster/invalid-option', `open ${path}: no such file or directory`)
}
