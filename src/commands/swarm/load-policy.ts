import type { Context } from '../../cli/command.ts'
import type { Filter } from '../../cluster/filters/filter.ts'
import type { Strategy } from '../../cluster/strategies/strategy.ts'
import { FlotillaError } from '../../core/errors.ts'

/** @throws {cluster/invalid-option} in the ancestor's words for names nobody knows */
export async function loadStrategy(ctx: Context, name: string): Promise<Strategy> {
  const isKnown = await ctx.plugins.find('strategy', name)
  if (!isKnown) throw new FlotillaError('cluster/invalid-option', 'strategy not supported')
  return ctx.plugins.load<Strategy>('strategy', name)
}

/** In the order given. @throws {cluster/invalid-option} */
export async function loadFilters(ctx: Context, names: readonly string[]): Promise<readonly Filter[]> {
  const filters: Filter[] = []
  for (const name of names) {
    const isKnown = await ctx.plugins.find('filter', name)
    if (!isKnown) throw new FlotillaError('cluster/invalid-option', 'filter not supported')
    filters.push(await ctx.plugins.load<Filter>('filter', name))
  }
  return filters
}
