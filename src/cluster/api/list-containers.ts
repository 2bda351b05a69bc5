import { FlotillaError } from '../../core/errors.ts'
import type { ContainerSource } from '../container-order.ts'
import type { ContainerView, NodeView } from '../model.ts'
import { compileContainerFilters } from './container-filter.ts'
import type { ListFilters, NameTest } from './list-filter.ts'

export interface ContainerQuery {
  readonly isAll: boolean
  /** The newest so many; 0: no limit. */
  readonly limit: number
  readonly filters: ListFilters
  /** Query parameters of old clients; the filters of that name count too. */
  readonly before: string
  readonly since: string
}

/**
 * Chooses the containers a list call shows, in the order of `all`. Without `isAll`: running ones on healthy engines,
 * without those of the image `swarm`.
 *
 * @param all every container on validated nodes, newest first; read when the answer is, and no further than needed
 * @param find resolves `before` and `since`
 * @param named what the filter `name` says; undefined: it is not given
 * @throws {cluster/not-found} status 404, when `before` or `since` name no container
 */
export function selectContainers(
  all: ContainerSource,
  query: ContainerQuery,
  find: (reference: string) => ContainerView | undefined,
  named: NameTest | undefined,
): ContainerSource {
  const { filters, limit } = query
  const before = findBound(query.before || (filters.get('before')?.[0] ?? ''), find)
  const since = findBound(query.since || (filters.get('since')?.[0] ?? ''), find)
  const isAll = meansAll(query)
  const isWanted = compileContainerFilters(filters, named)
  function isChosen(container: ContainerView, node: NodeView): boolean {
    if (!isAll && (node.health.state !== 'healthy' || !isShownByDefault(container))) return false
    if (before !== undefined && container.createdAtMs >= before.createdAtMs) return false
    if (since !== undefined && container.createdAtMs <= since.createdAtMs) return false
    return isWanted(container, node)
  }
  return {
    each(visit) {
      let chosen = 0
      all.each((container, node) => {
        if (!isChosen(container, node)) return true
        chosen += 1
        return visit(container, node) && (limit === 0 || chosen < limit)
      })
    },
  }
}

function findBound(
  reference: string,
  find: (reference: string) => ContainerView | undefined,
): ContainerView | undefined {
  if (reference === '') return undefined
  const found = find(reference)
  if (found !== undefined) return found
  throw new FlotillaError('cluster/not-found', `No such container: ${reference}`, { status: 404 })
}

/**
 * Whether a list shows what does not run or is out of reach. As in the ancestor: asking for what has ended, or for a number
 * of them, means all (api/handlers.go). The filters `before` and `since` are younger than it, and mean no such thing to
 * engines.
 */
export function meansAll({ isAll, limit, filters, before, since }: ContainerQuery): boolean {
  return isAll || limit > 0 || before !== '' || since !== '' || (filters.get('status') ?? []).length > 0
}

function isShownByDefault(container: ContainerView): boolean {
  return isRunning(container) && container.image !== 'swarm'
}

/** True while the container has processes, and with them its place on its networks. */
export function isRunning(container: ContainerView): boolean {
  const { state } = container
  return state === 'running' || state === 'paused' || state === 'restarting' || state === 'stopping'
}
