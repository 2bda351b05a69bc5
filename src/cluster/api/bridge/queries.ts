import { parseListFilters } from '../list-filter.ts'
import { isLostOn, isNewTo } from './versions.ts'
import type { VersionPair } from './versions.ts'

/** How unused volumes are removed on one engine. */
export type VolumePrune =
  /** By the engine, with this query. */
  | { readonly kind: 'engine'; readonly query: string }
  /** One by one: the engine's own verb would remove named ones too. `filters` without `all`. */
  | { readonly kind: 'anonymous'; readonly filters: string }

/**
 * Until 1.42 a prune removed every unused volume, from then on those without a name unless the filter `all` is true.
 * An engine that is spoken to in another version must neither remove more nor less than the client asked for.
 */
export function bridgeVolumePrune(query: string, pair: VersionPair): VolumePrune {
  const params = new URLSearchParams(query)
  const text = params.get('filters') ?? ''
  if (isNewTo(pair, '1.42')) {
    const filters = readFilters(text)
    filters['all'] ??= ['true']
    params.set('filters', JSON.stringify(filters))
    return { kind: 'engine', query: params.toString() }
  }
  if (!isLostOn(pair, '1.42')) return { kind: 'engine', query }
  const { all, ...rest } = readFilters(text)
  const filters = Object.keys(rest).length === 0 ? '' : JSON.stringify(rest)
  if (all === undefined || !all.some((value) => /^(?:1|t|true)$/i.test(value))) return { kind: 'anonymous', filters }
  if (filters === '') params.delete('filters')
  else params.set('filters', filters)
  return { kind: 'engine', query: params.toString() }
}

/** Any keys: what the engine does not know it refuses itself. @throws {cluster/invalid-option} when it is no JSON object */
function readFilters(text: string): Record<string, readonly string[]> {
  let keys: readonly string[] = []
  try {
    keys = Object.keys(JSON.parse(text === '' ? '{}' : text) as object)
  } catch {
    // Worded below.
  }
  return Object.fromEntries(parseListFilters(text, keys))
}

/** What volumes without a name are called: 64 hexadecimal digits. */
export function isAnonymousVolume(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name)
}
