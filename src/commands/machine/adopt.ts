import { join, resolve } from 'node:path'
import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { programVersion } from '../../core/program.ts'
import { engineVersion } from '../../engine/api/system.ts'
import { openEngine } from '../../engine/client.ts'
import { endpointFromEnvironment } from '../../engine/environment.ts'
import { parseEndpoint } from '../../engine/endpoint-parse.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import type { MutualTls } from '../../io/dial.ts'
import { readTextFile } from '../../io/files.ts'
import { adoptEngine } from '../../machine/adopt.ts'
import { createHost } from '../../machine/create.ts'
import { toDriverContext } from '../../machine/driver-context.ts'
import { checkHostName } from '../../machine/host.ts'
import { findEngine } from '../../machine/provision/install-engine.ts'
import { existsError } from '../../machine/store.ts'
import { makeCreateContext, toWanted } from './create.ts'
import { readCreateWords } from './create-words.ts'
import { loadDescriptor, openStore, programWords } from './open-machine.ts'
import type { adoptFlags } from './own-table.ts'

type AdoptFlags = FlagValues<typeof adoptFlags>

/** Takes an engine that runs into the store: as it is, or with TLS set up over SSH. */
export const run: Run<typeof adoptFlags> = async (ctx, flags, args) => {
  const [name, ...more] = args
  if (name === undefined || more.length > 0) {
    ctx.stdout.write(await ctx.helpPage())
    throw new FlotillaError('machine/usage', 'Error: Expected one machine name as an argument')
  }
  checkHostName(name)
  const ways = ['url', 'context', 'ssh'].filter((way) => flags.given(way as 'url'))
  if (ways.length !== 1) throw new FlotillaError('machine/usage', 'give one of --url, --context and --ssh')
  if (flags.tls && flags.ssh === '') throw new FlotillaError('machine/usage', '--tls goes with --ssh')
  const store = openStore(ctx)
  if (await store.exists(name)) throw existsError(name)
  if (flags.tls) await adoptWithTls(ctx, flags, name)
  else await adoptAsItIs(ctx, flags, name)
  ctx.log.info(`Machine "${name}" was adopted. To use it, run: ${programWords(ctx)} env ${name}`)
}

async function adoptAsItIs(ctx: Context, flags: AdoptFlags, name: string): Promise<void> {
  const store = openStore(ctx)
  const { url, tls, endpoint } = await findEndpoint(ctx, flags)
  const engine = openEngine(endpoint, { clock: ctx.clock, env: ctx.env, userAgent: `flotilla/${programVersion}` })
  try {
    const { Version } = await engineVersion(engine, { signal: ctx.signal, deadlineMs: 30_000 })
    ctx.log.info(`Found Docker ${Version} at ${url}`)
  } catch (error) {
    if (ctx.signal.aborted) throw error
    throw new FlotillaError('engine/unreachable', `no engine answers at ${url}: ${toMessage(error)}`, { cause: error })
  } finally {
    await engine.close()
  }
  const descriptor = await loadDescriptor(ctx, 'none')
  const factory = await descriptor.load()
  const { log, clock, random, env } = ctx
  const config = await factory.configure(toDriverContext({ store, log, clock, random, env }, name), { url })
  await adoptEngine({ name, driverName: 'none', config, ...(tls && { tls }) }, store)
}

interface Found {
  readonly url: string
  readonly endpoint: Endpoint
  readonly tls?: Partial<MutualTls>
}

async function findEndpoint(ctx: Context, flags: AdoptFlags): Promise<Found> {
  if (flags.context !== '') {
    const { endpoint } = await endpointFromEnvironment(ctx.env, { context: flags.context })
    return toFound(endpoint)
  }
  if (flags.ssh !== '') {
    const { user, host, port } = parseLogin(flags.ssh)
    if (flags['ssh-key'] !== '') {
      throw new FlotillaError(
        'machine/usage',
        '--ssh-key goes with --tls: docker over SSH takes the keys of your agent and configuration',
      )
    }
    const url = `ssh://${user}@${host.includes(':') ? `[${host}]` : host}${port === 22 ? '' : `:${port}`}`
    return { url, endpoint: parseEndpoint(url) }
  }
  const folder = flags['cert-path'] === '' ? undefined : resolve(ctx.cwd, flags['cert-path'])
  if (folder === undefined) {
    const isPlain = flags.url.startsWith('tcp:')
    return { url: flags.url, endpoint: parseEndpoint(isPlain ? flags.url.replace(/^tcp:/, 'http:') : flags.url) }
  }
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((file) => readTextFile(join(folder, file))),
  )
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new FlotillaError(
      'machine/usage',
      `--cert-path ${flags['cert-path']}: ca.pem, cert.pem and key.pem are expected there`,
    )
  }
  const tls = { ca, cert, key }
  return { url: flags.url, tls, endpoint: parseEndpoint(flags.url, { ...tls, isVerified: true }) }
}

function toFound(endpoint: Endpoint): Found {
  switch (endpoint.kind) {
    case 'unix':
      return { url: `unix://${endpoint.path}`, endpoint }
    case 'tcp': {
      const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
      const { ca, cert, key } = endpoint.tls ?? {}
      const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } as Partial<MutualTls>
      return { url: `tcp://${host}:${endpoint.port}`, endpoint, ...(endpoint.tls && { tls }) }
    }
    case 'ssh': {
      const at = endpoint.user === undefined ? '' : `${endpoint.user}@`
      return { url: `ssh://${at}${endpoint.host}${endpoint.port === undefined ? '' : `:${endpoint.port}`}`, endpoint }
    }
    default:
      throw new FlotillaError('machine/usage', `an engine of kind ${endpoint.kind} cannot be a machine`)
  }
}

function parseLogin(text: string): { readonly user: string; readonly host: string; readonly port: number } {
  const match = /^(?:([^@\s]+)@)?(?:\[([^\]]+)\]|([^:@\s]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[2] ?? match?.[3]
  if (match === null || host === undefined) {
    throw new FlotillaError('machine/usage', `--ssh ${text} is not of the form USER@HOST:PORT`)
  }
  return { user: match[1] ?? 'root', host, port: Number(match[4] ?? 22) }
}

/** Certificates, and a restart of the engine with them; nothing is installed. */
async function adoptWithTls(ctx: Context, flags: AdoptFlags, name: string): Promise<void> {
  const { user, host, port } = parseLogin(flags.ssh)
  const key = flags['ssh-key'] === '' ? [] : [`--generic-ssh-key=${resolve(ctx.cwd, flags['ssh-key'])}`]
  const words = [`--generic-ip-address=${host}`, `--generic-ssh-user=${user}`, `--generic-ssh-port=${port}`, ...key]
  const createFlags = await readCreateWords(ctx, 'generic', words)
  const create = await makeCreateContext(ctx, 'ecdsa')
  const ssh = create.openSsh({
    host,
    port,
    user,
    ...(key.length > 0 && { keyPath: resolve(ctx.cwd, flags['ssh-key']) }),
  })
  try {
    const { code } = await ssh.run(findEngine, { signal: ctx.signal, deadlineMs: 60_000 })
    if (code !== 0) {
      throw new FlotillaError('machine/provision', `there is no engine on ${host} to adopt`, {
        hint: `"${programWords(ctx)} create --driver generic" installs one`,
      })
    }
  } finally {
    await ssh.close()
  }
  ctx.log.warn(`The engine on ${host} is restarted with TLS; containers without a restart policy stop`)
  await createHost(await toWanted(ctx, createFlags, name), create, { signal: ctx.signal })
}
