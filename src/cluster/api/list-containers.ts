import { FlotillaError } from '../../core/errors.ts'
import type { CompileRegex } from '../expression.ts'
import { isEveryInterface } from '../filters/port.ts'
import { splitTag, toFullReference } from '../image-name.ts'
import { isValidated, primaryName } from '../model.ts'
import type { ClusterSnapshot, ContainerView, NodeView } from '../model.ts'
import { renderStatus } from './container-status.ts'
import { compileNames, hasLabels, isAny, readFlag } from './list-filter.ts'
import type { ListFilters } from './list-filter.ts'
import { compilePorts } from './port-filter.ts'

/** Filter keys of `GET /containers/json`. */
export const containerFilterKeys: readonly string[] = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'node',
  'publish',
  'since',
  'status',
  'volume',
]

export interface ContainerQuery {
  readonly isAll: boolean
  /** The newest so many; 0: no limit. */
  readonly limit: number
  readonly filters: ListFilters
  /** Query parameters of old clients; the filters of that name count too. */
  readonly before: string
  readonly since: string
}

export interface ContainerEntry {
  readonly node: NodeView
  readonly container: ContainerView
}

/**
 * The containers a list call shows, newest first, then by node and ID. Without `isAll`: running ones on healthy
 * engines, without those of the image `swarm`.
 *
 * @param find resolves `before` and `since`
 * @throws {cluster/not-found} status 404, when `before` or `since` name no container
 */
export function listContainers(
  snapshot: ClusterSnapshot,
  query: ContainerQuery,
  find: (reference: string) => ContainerView | undefined,
  compile: CompileRegex,
): readonly ContainerEntry[] {
  const { filters } = query
  const before = findBound(query.before || (filters.get('before')?.[0] ?? ''), find)
  const since = findBound(query.since || (filters.get('since')?.[0] ?? ''), find)
  // As in the ancestor: asking for what has ended, or for a number of them, means all (api/handlers.go).
  const statuses = filters.get('status') ?? []
  const isAll = query.isAll || query.limit > 0 || before !== undefined || since !== undefined || statuses.length > 0
  const isWanted = compileQuery(filters, compile)
  const entries: ContainerEntry[] = []
  for (const node of snapshot.nodes) {
    if (!isValidated(node) || (!isAll && node.health.state !== 'healthy')) continue
    if (!isAny(filters, 'node', (value) => value === node.name || value === node.id || value === node.engineId))
      continue
    for (const container of node.containers) {
      if (!isAll && !isShownByDefault(container)) continue
      if (before !== undefined && container.createdAtMs >= before.createdAtMs) continue
      if (since !== undefined && container.createdAtMs <= since.createdAtMs) continue
      if (isWanted(container, node)) entries.push({ node, container })
    }
  }
  entries.sort(compareEntries)
  return query.limit > 0 ? entries.slice(0, query.limit) : entries
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

function isShownByDefault(container: ContainerView): boolean {
  return isRunning(container) && container.image !== 'swarm'
}

function isRunning(container: ContainerView): boolean {
  const { state } = container
  return state === 'running' || state === 'paused' || state === 'restarting' || state === 'stopping'
}

function compareEntries(a: ContainerEntry, b: ContainerEntry): number {
  if (a.container.createdAtMs !== b.container.createdAtMs) return b.container.createdAtMs - a.container.createdAtMs
  if (a.node.name !== b.node.name) return a.node.name < b.node.name ? -1 : 1
  return a.container.id < b.container.id ? -1 : 1
}

function compileQuery(
  filters: ListFilters,
  compile: CompileRegex,
): (container: ContainerView, node: NodeView) => boolean {
  const matchesName = compileNames(filters, compile)
  const isTask = readFlag(filters, 'is-task')
  const matchesPorts = compilePorts(filters)
  checkStatuses(filters)
  return (container, node) => {
    if (!isAny(filters, 'id', (value) => container.id.startsWith(value))) return false
    if (matchesName !== undefined && !listNames(container, node).some(matchesName)) return false
    if (!hasLabels(filters, container.labels)) return false
    if (!isAny(filters, 'status', (value) => value === container.state)) return false
    if (!isAny(filters, 'exited', (value) => hasExited(container) && Number(value) === container.exitCode)) return false
    if (!isAny(filters, 'health', (value) => value === container.healthCheck)) return false
    // Containers of swarm services carry this label.
    if (isTask !== undefined && container.labels.has('com.docker.swarm.task') !== isTask) return false
    // There are no other kinds of isolation on Linux.
    if (!isAny(filters, 'isolation', (value) => value === 'default')) return false
    if (matchesPorts !== undefined && !matchesPorts(container.published)) return false
    if (!isAny(filters, 'volume', (value) => hasVolume(container, dropNode(value, node)))) return false
    if (!isAny(filters, 'ancestor', (value) => isMadeFrom(container, value))) return false
    return isAny(filters, 'network', (value) => isOnNetwork(container, dropNode(value, node)))
  }
}

const statuses: readonly string[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']

function checkStatuses(filters: ListFilters): void {
  const wrong = (filters.get('status') ?? []).find((value) => !statuses.includes(value))
  if (wrong === undefined) return
  const message = `invalid filter 'status=${wrong}': invalid value for state (${wrong}): must be one of ${statuses.join(', ')}`
  throw new FlotillaError('cluster/invalid-option', message, { status: 400 })
}

function hasExited(container: ContainerView): boolean {
  return container.state === 'exited' || container.state === 'dead'
}

/** Each name as filters may mean it: bare, with a slash, with the node. */
function listNames(container: ContainerView, node: NodeView): readonly string[] {
  return container.names.flatMap((name) => [name, `/${name}`, `${node.name}/${name}`, `/${node.name}/${name}`])
}

/** A network or volume written with the node of the container is meant there by its bare name. */
function dropNode(value: string, node: NodeView): string {
  return value.startsWith(`${node.name}/`) ? value.slice(node.name.length + 1) : value
}

function hasVolume(container: ContainerView, value: string): boolean {
  return container.mounts.some((mount) => mount.name === value || mount.target === value || mount.source === value)
}

function isOnNetwork(container: ContainerView, value: string): boolean {
  return container.endpoints.some(
    (each) => each.network === value || (value.length >= 12 && each.networkId.startsWith(value)),
  )
}

function isMadeFrom(container: ContainerView, value: string): boolean {
  if (toFullReference(container.image) === toFullReference(value)) return true
  const bareId = container.imageId.replace(/^sha256:/, '')
  return (
    (value.length >= 4 && bareId.startsWith(value.replace(/^sha256:/, ''))) ||
    splitTag(container.image).repository === value
  )
}

/**
 * One element of the list as JSON.
 *
 * @param sizes JSON members with a comma in front
 */
export function renderContainerRow({ node, container }: ContainerEntry, nowMs: number, sizes = ''): string {
  const { row } = container
  let names = ''
  for (const name of container.names) names += `${names === '' ? '' : ','}${JSON.stringify(`/${node.name}/${name}`)}`
  const created = Math.trunc(container.createdAtMs / 1000)
  const status = JSON.stringify(renderStatus(container, node, nowMs))
  const state = `"Created":${created},"Ports":[${renderPorts(node, container)}],"State":"${container.state}"`
  return `{"Id":${JSON.stringify(container.id)},"Names":[${names}],${row.members},${state}${sizes},"Status":${status}}`
}

/** Ports bound to every interface are reached at the node's address; one bound on both families is told once. */
function renderPorts(node: NodeView, container: ContainerView): string {
  if (container.published.length === 0) return ''
  const ports = new Set<string>()
  for (const { ip, privatePort, publicPort, protocol } of container.published) {
    const shown = publicPort !== undefined && isEveryInterface(ip) ? node.ip : ip
    ports.add(
      JSON.stringify({
        ...(shown === '' ? {} : { IP: shown }),
        PrivatePort: privatePort,
        ...(publicPort === undefined ? {} : { PublicPort: publicPort }),
        Type: protocol,
      }),
    )
  }
  return [...ports].join(',')
}

/** What messages and lists call the container: `NODE/name`, or its ID when it has no name. */
export function renderContainerName({ node, container }: ContainerEntry): string {
  const name = primaryName(container)
  return name === '' ? container.id : `${node.name}/${name}`
}
