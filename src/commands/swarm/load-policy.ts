import type { Context } from '../../cli/command.ts'
import type { Filter } from '../../cluster/filters/filter.ts'
import type { Strategy } from '../../cluster/strategies/strategy.ts'
import { FlotillaError } from '../../core/errors.ts'
import { goQuote } from '../../core/goquote.ts'

/** @throws {cluster/invalid-option} in the ancestor's words for names nobody knows */
export async function loadStrategy(ctx: Context, name: string): Promise<Strategy> {
  const isKnown = await ctx.plugins.find('strategy', name)
  if (!isKnown) throw unknown(ctx, 'strategy', name)
  return ctx.plugins.load<Strategy>('strategy', name)
}

/** In the order given. @throws {cluster/invalid-option} */
export async function loadFilters(ctx: Context, names: readonly string[]): Promise<readonly Filter[]> {
  const filters: Filter[] = []
  for (const name of names) {
    const isKnown = await ctx.plugins.find('filter', name)
    if (!isKnown) throw unknown(ctx, 'filter', name)
    filters.push(await ctx.plugins.load<Filter>('filter', name))
  }
  return filters
}

/** classicswarm: the text, which does not say which one is meant. */
function unknown(ctx: Context, kind: 'strategy' | 'filter', name: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', `${kind} not supported`, {
    hint: `there is no ${kind} ${goQuote(name)}, only ${ctx.plugins.names(kind).join(', ')} and those of packages`,
  })
}
