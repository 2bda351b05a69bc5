import type { Discovery, DiscoveryContext, MakeDiscovery } from '../../cluster/discovery/discovery.ts'
import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { readStoreTls } from './store.ts'

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
  const options = new Map(context.options)
  const service = ctx.env['SWARM_DISCOVERY_SERVICE'] ?? ''
  if (service !== '' && !options.has('token.service')) options.set('token.service', service)
  return make(rest, { ...context, options, storeTls: await readStoreTls(options) })
}

/** Reads `--discovery-opt key=value`. @throws {cluster/invalid-option} */
export function parseDiscoveryOptions(pairs: readonly string[]): ReadonlyMap<string, string> {
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
