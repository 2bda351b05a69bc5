import type { Discovery, DiscoveryContext, MakeDiscovery } from '../../cluster/discovery/discovery.ts'
import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { readStoreTls, tellTls } from './store.ts'

/**
 * The discovery address: the one positional argument, else `SWARM_DISCOVERY`.
 * classicswarm cli/cli.go: two or more arguments count like none.
 * @throws {cluster/invalid-option}
 */
export function findDiscovery(ctx: Context, args: readonly string[], command: string): string {
  const only = args.length === 1 ? args[0] : ctx.env['SWARM_DISCOVERY']
  if (only !== undefined && only !== '') return only
  throw new FlotillaError(
    'cluster/invalid-option',
    `discovery required to ${command} a cluster. See 'swarm ${command} --help'.`,
  )
}

/** What a command knows of the back end it wants; the rest of the context comes from the program. */
export interface DiscoveryFlags {
  readonly heartbeatMs: number
  /** `--discovery-opt` as given. */
  readonly options: readonly string[]
}

/** What every back end is given. @throws {cluster/invalid-option} for an option that is no pair */
export function makeDiscoveryContext(ctx: Context, flags: DiscoveryFlags): DiscoveryContext {
  const options = parseDiscoveryOptions(flags.options)
  const service = ctx.env['SWARM_DISCOVERY_SERVICE'] ?? ''
  if (service !== '' && !options.has('token.service')) options.set('token.service', service)
  return { clock: ctx.clock, log: ctx.log, heartbeatMs: flags.heartbeatMs, options }
}

/**
 * Makes the back end that the address names, built in or of a package.
 * @throws {cluster/discovery} for schemes nobody knows and addresses that the back end refuses
 */
export async function openDiscovery(ctx: Context, address: string, context: DiscoveryContext): Promise<Discovery> {
  const cut = address.indexOf('://')
  const scheme = cut < 0 ? 'nodes' : address.slice(0, cut)
  const rest = cut < 0 ? address : address.slice(cut + 3)
  if (!(await ctx.plugins.find('discovery', scheme))) {
    throw new FlotillaError('cluster/discovery', 'discovery service not supported')
  }
  const make = await ctx.plugins.load<MakeDiscovery>('discovery', scheme)
  const storeTls = await readStoreTls(context.options)
  tellTls(address, storeTls, context)
  return make(rest, { ...context, storeTls })
}

/** Reads `--discovery-opt key=value`. @throws {cluster/invalid-option} */
function parseDiscoveryOptions(pairs: readonly string[]): Map<string, string> {
  const options = new Map<string, string>()
  for (const pair of pairs) {
    const cut = pair.indexOf('=')
    if (cut < 0) {
      throw new FlotillaError('cluster/invalid-option', '--discovery-opt must contain key=value strings')
    }
    options.set(pair.slice(0, cut), pair.slice(cut + 1))
  }
  return options
}
